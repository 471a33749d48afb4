// What leaves the page: a finding as Markdown, a view as CSV. Strangers named what is in them, so neither may act.

/** Text on one line in which Markdown, HTML and mentions stay text. */
function inert(text) {
  const escaped = visible(text).replace(/\s+/g, " ").trim().replace(/[\\`*_{}[\]<>()+!|~$&]/g, "\\$&");
  return escaped.replace(/[@#]/g, "$&\u200b");
}

/** Text as a block of code, in a fence that it cannot close. */
function fenced(text) {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${visible(text)}\n${fence}`;
}

/** One finding, for a ticket or a chat. */
function asMarkdown(findings, i) {
  const rule = findings.ruleText(i);
  const r = findings.resourceOf[i];
  const about = findings.about(r);
  const { details } = findings;
  const [reason, owner, expires] = findings.acceptedBy(i) ?? [];
  const change = findings.changeOf(i);
  const changed = SHOWN_CHANGES.has(change) ? `, ${CHANGES[change].toLowerCase()}` : "";
  const [fix] = fill(rule.fix, about);
  const evidence = Object.entries(details.evidence[details.evidenceOf[i]]);
  const status = LABELS[findings.statuses[findings.statusOf[i]]];
  const spell = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const lines = [
    `### ${inert(rule.title)}`,
    "",
    findings.said(i) ? `${inert(findings.said(i))}\n` : null,
    `- **${status}**, ${findings.severities[findings.severityOf[i]]}${changed}`,
    `- Resource: ${inert(findings.title(r))} (${inert(findings.types[findings.typeOf[r]])})`,
    `- ARN: ${inert(about.arn)}`,
    `- Account ${inert(about.account)}, ${inert(about.region)}`,
    `- Rule: ${inert(rule.id)}`,
    rule.controls.length ? `- Controls: ${inert(rule.controls.join(", "))}` : null,
    owner ? `- Accepted by ${inert(owner)} until ${inert(expires)}: ${inert(reason)}` : null,
    `- Fingerprint: ${details.fingerprints[i]}`,
    ...evidence.map(([name, value], n) => `${n ? "" : "\nEvidence:\n\n"}- ${inert(name)}: ${inert(spell(value))}`),
    rule.risk ? `\n**Risk.** ${inert(rule.risk)}` : null,
    rule.fix ? `\n**Fix.**\n\n${fenced(fix)}` : null,
  ];
  return `${lines.filter((line) => line !== null).join("\n")}\n`;
}

const COLUMNS = [
  "status", "severity", "rule", "title", "category", "account", "region", "resource_type", "resource_id",
  "resource_name", "arn", "message", "controls", "change", "accepted_by", "accepted_until", "accepted_because",
  "fingerprint",
];

/** A cell that a spreadsheet takes for text: a quote goes before what would start a formula. */
function cell(value) {
  const text = String(value).replaceAll("\0", "");
  const armed = /^[\s\u00a0]*[=+\-@\t\r\n]|^[\t\r\n]/.test(text);
  const disarmed = armed ? `'${text}` : text;
  return /[",\r\n]/.test(disarmed) ? `"${disarmed.replaceAll('"', '""')}"` : disarmed;
}

/** What the filters show, in pieces: it may be long. */
function asCsv(findings) {
  const { details, statuses, severities, statusOf, severityOf, resourceOf } = findings;
  const row = (i) => {
    const rule = findings.ruleText(i);
    const r = resourceOf[i];
    const about = findings.about(r);
    const [reason, owner, expires] = findings.acceptedBy(i) ?? ["", "", ""];
    const change = findings.changeOf(i) ?? "";
    return [
      statuses[statusOf[i]], severities[severityOf[i]], rule.id, rule.title, rule.category, about.account, about.region,
      findings.types[findings.typeOf[r]], about.id, about.name, about.arn, findings.message(i),
      rule.controls.join("; "), change === "none" ? "" : change, owner, expires, reason, details.fingerprints[i],
    ];
  };
  const pieces = [`${COLUMNS.join(",")}\r\n`];
  for (let at = 0; at < findings.matches; at += 2048) {
    const lines = [...findings.found.subarray(at, Math.min(at + 2048, findings.matches))];
    pieces.push(lines.map((i) => `${row(i).map(cell).join(",")}\r\n`).join(""));
  }
  return pieces;
}

/** Hands a file to whoever reads the page. */
function save(pieces, name, type) {
  const address = URL.createObjectURL(new Blob(pieces, { type: `${type};charset=utf-8` }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
