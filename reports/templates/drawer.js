// The drawer: one finding, or one rule. Stands on parts.js and findings.js.

/** What a change means for the finding that it is about; the earlier report's date is put in. */
const HISTORY = {
  new: (day) => `New: the report of ${day} did not have it.`,
  reopened: (day) => `Reopened: in the report of ${day} it had passed, or was accepted.`,
  accepted: (day) => `Open in the report of ${day}; somebody has accepted it since.`,
  fixed: (day) => `Fixed: it was an open failure in the report of ${day}.`,
  gone: (day) => `Gone: the resource is no more. What is shown is what the report of ${day} said.`,
  unknown: (day) => `It failed in the report of ${day} and could not be judged now: nobody knows whether it is fixed.`,
};

const severityBadge = (data) => (severity) =>
  make(`span.badge.severity-${data.severities[severity]}`, {}, data.severities[severity]);

/** Opens findings and rules. `page` has the data, the list (rows, tree) and what a row shows of a finding. */
function makeDrawer(page) {
  const { data, findings, verdict, accepted, change } = page;
  const { count, severityOf, resourceOf } = findings;
  const badge = severityBadge(data);
  const drawer = $("drawer");
  const section = (heading, ...children) => make("section", {}, make("h3", {}, heading), ...children);

  /** [name, value, "mono"?] as a list of terms; those without a value are left out. */
  function pairs(...entries) {
    const held = entries.filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const line = ([name, value, mono]) => [make("dt", {}, name), make(mono ? "dd.mono" : "dd", {}, value)];
    return make("dl.pairs", {}, ...held.flatMap(line));
  }

  /** A value of evidence: on one line where it is short. */
  function spell(value) {
    if (typeof value === "string") return value;
    const short = JSON.stringify(value);
    return short.length > 60 ? JSON.stringify(value, null, 2) : short;
  }

  function riskAndFix(rule, fix, withheld) {
    const placeholders = withheld.map((key) => `{${key}}`).join(", ");
    const note = withheld.length ? make("p.note.withheld", {}, `Not filled in: ${placeholders}. The value is empty or `
      + "holds characters that a shell could take for a command; look at it before you type it.") : null;
    return [
      rule.risk ? section("Risk", make("p.prose", {}, rule.risk)) : null,
      rule.fix ? section("Fix", ...remedy(fix), note) : null,
    ];
  }

  function aboutRule(rule) {
    const parameters = Object.entries(rule.parameters ?? {}).map(([name, value]) => [name, spell(value), "mono"]);
    return section("Rule", pairs(["Id", rule.id, "mono"], ["Category", rule.category],
      ["Controls", rule.controls.join(", ")], ...parameters, ["Notes", rule.notes]));
  }

  function showRule(k) {
    const rule = data.rules[k];
    const severity = data.severities.indexOf(rule.severity);
    reveal(null, make("div.badges", {}, severity < 0 ? null : badge(severity)),
      make("h2", { id: "drawer-title" }, rule.title), ...riskAndFix(rule, rule.fix, []), aboutRule(rule));
  }

  async function show(i) {
    await page.detailed;
    const { details } = findings;
    const rule = findings.ruleText(i);
    const r = resourceOf[i];
    const [reason, owner, expires] = findings.acceptedBy(i) ?? [];
    const changed = findings.changeOf(i);
    const evidence = Object.entries(details.evidence[details.evidenceOf[i]]);
    const about = findings.about(r);
    const tags = data.tags[r]
      ? Object.entries(data.tags[r]).map(([key, value]) => [`Tag ${key}`, value || "(empty)", "mono"])
      : [["Tags", data.id[r] === "*" ? "none: this is about all of them" : "were not read"]];
    const look = (label, query) => make("a", { href: `#${new URLSearchParams(query)}` }, label);
    reveal(i,
      make("div.badges", {}, badge(severityOf[i]), verdict(i), change(i), accepted(i)),
      make("h2", { id: "drawer-title" }, rule.title),
      findings.said(i) ? make("p.message.prose", {}, findings.said(i)) : null,
      HISTORY[changed] ? make("p.note.history", {}, HISTORY[changed](data.baseline[0])) : null,
      findings.isUnasked[i] ? make("p.note.history", {}, "Nothing is broken here: this was left out by choice.") : null,
      owner ? make(findings.endsSoon(i) ? "div.banner.bad" : "div.banner", {},
        make("strong", {}, `Accepted by ${owner} until ${expires}.`), ` ${reason}`,
        findings.endsSoon(i) ? make("p", {}, "After that day it counts again: mend it, or decide again.") : null,
      ) : null,
      evidence.length
        ? section("Evidence", pairs(...evidence.map(([name, value]) => [name, spell(value), "mono"])))
        : null,
      ...riskAndFix(rule, ...fill(rule.fix, about)),
      section("Resource", pairs(["Name", about.name, "mono"], ["Id", about.id, "mono"], ["ARN", about.arn, "mono"],
        ["Type", data.types[data.typeOf[r]]], ["Region", about.region], ["Account", about.account, "mono"], ...tags)),
      aboutRule(rule),
      section("Fingerprint", make("p.mono", {}, details.fingerprints[i])),
      make("p.more", {}, look("All findings of this resource", { by: "resource", q: about.arn }),
        look("All findings of this rule", { by: "rule", rule: rule.id })));
  }

  /** The row of the next finding in a direction, or null. */
  function beside(i, step) {
    let n = page.rows.indexOf(i);
    if (n < 0) return null;
    do n += step; while (page.rows[n] < 0 || page.rows[n] >= count);
    return n >= 0 && n < page.rows.length ? n : null;
  }

  function reveal(i, ...content) {
    page.shown = i;
    const held = document.activeElement?.textContent;
    const step = (label, direction) => {
      const to = beside(i, direction);
      const onclick = () => {
        page.tree.active = to;
        show(page.rows[to]);
      };
      const button = make("button.quiet", { type: "button", onclick }, label);
      button.disabled = to === null;
      return button;
    };
    const steps = i === null ? [] : [step("Previous", -1), step("Next", 1)];
    const close = make("button.quiet", { type: "button", onclick: () => drawer.close() }, "Close");
    const markdown = i === null ? null : make("button.quiet.copy-markdown", {
      type: "button", title: "For a ticket or a chat", onclick: () => copy(asMarkdown(findings, i), markdown),
    }, "Copy as Markdown");
    const bar = make("div.drawer-bar", {}, make("span.place", {}, i === null ? "Rule" : "Finding"), markdown, ...steps,
      close);
    drawer.replaceChildren(bar, make("div.drawer-body", {}, ...content));
    drawer.scrollTop = 0;
    if (!drawer.open) drawer.showModal();
    (steps.find((button) => button.textContent === held && !button.disabled) ?? close).focus();
    page.remember();
  }

  drawer.addEventListener("click", (event) => {
    if (event.target === drawer || event.target.closest("a")) drawer.close();
  });
  drawer.addEventListener("keydown", (event) => {
    const label = { j: "Next", k: "Previous" }[event.key];
    if (label) [...drawer.querySelectorAll("button")].find((button) => button.textContent === label)?.click();
  });
  drawer.addEventListener("close", () => {
    page.shown = null;
    if (page.tree.count && cameFromList) page.tree.focus(page.tree.active);
    page.remember();
  });
  // Where the keyboard was before the drawer opened: the row that opened it may have been drawn anew since.
  let cameFromList = false;
  document.addEventListener("focusin", ({ target }) => {
    if (!target.closest("#drawer")) cameFromList = Boolean(target.closest("#list"));
  });

  return { show, showRule };
}
