// The page: the list and its filters, the opened finding, paper, the manifest. Stands on parts.js and findings.js.

const PRINTED = 1000; // findings on paper
const TALLEST = 200_000; // rows; browsers cannot lay out many more

function workbench(data) {
  const findings = new Findings(data);
  const { facets, count, ruleOf, statusOf, severityOf, resourceOf } = findings;
  const detailed = read("detail").then((details) => { findings.details = details; });
  let shownFinding = null;

  // The address --------------------------------------------------------------------------------------------------

  let waiting = 0;
  function remember() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const query = findings.query;
      if (shownFinding !== null) query.set("finding", findings.details.fingerprints[shownFinding]);
      try {
        history.replaceState(null, "", `#${query}`);
      } catch { /* a sandboxed frame has no history */ }
    }, 150);
  }

  /** Shows what an address asks for. Plain anchors such as #gaps ask for nothing. */
  async function follow(hash, jump) {
    const query = new URLSearchParams(hash.slice(1));
    if (query.has("by")) {
      findings.query = query;
      update();
      if (jump) goTo("findings");
    }
    if (!query.has("finding")) return;
    await detailed;
    const i = findings.details.fingerprints.indexOf(query.get("finding"));
    if (i < 0) return;
    const k = findings.keyOf[i];
    if (!opened.has(k) && findings.groups.some((group) => group.k === k)) {
      opened.add(k);
      lay();
      redraw(Math.max(rows.indexOf(i), 0));
    }
    show(i);
  }

  // The list -----------------------------------------------------------------------------------------------------

  /** -1-g stands for group g, a finding's number for the finding, count+g for the rule's own line. */
  let rows = new Int32Array(0);
  let opened = new Set();

  function lay() {
    const byRule = findings.by === "rule";
    const within = (group) => (opened.has(group.k) ? group.to - group.from + (byRule ? 1 : 0) : 0);
    rows = new Int32Array(findings.groups.reduce((sum, group) => sum + 1 + within(group), 0));
    let n = 0;
    findings.groups.forEach((group, g) => {
      rows[n++] = -1 - g;
      if (!opened.has(group.k)) return;
      if (byRule) rows[n++] = count + g;
      for (let m = group.from; m < group.to; m++) rows[n++] = findings.members[m];
    });
  }

  function redraw(active) {
    tree.fill(Math.min(rows.length, TALLEST), active);
    $("cut").textContent = `The first ${number.format(TALLEST)} rows are shown; filter to see the others.`;
    $("cut").hidden = rows.length <= TALLEST;
  }

  const badge = (severity) => make(`span.badge.severity-${data.severities[severity]}`, {}, data.severities[severity]);
  const status = (code, ...text) => make(`span.status.status-${data.statuses[code]}`, {}, ...text);
  const verdict = (i) => status(statusOf[i], LABELS[data.statuses[statusOf[i]]]);
  const accepted = (i) => {
    const by = findings.acceptedBy(i);
    return by && make("span.badge.accepted", {}, `Accepted until ${by[2]} by ${by[1]}`);
  };

  function draw(n) {
    const row = rows[n];
    if (row < 0) return drawGroup(findings.groups[-1 - row], -1 - row);
    const leaf = { role: "treeitem", "aria-level": 2, "aria-haspopup": "dialog" };
    if (row >= count) {
      return make("div.row.leaf.about-rule", leaf, make("span.main", {}, "About this rule: risk, fix, controls"));
    }
    const r = resourceOf[row];
    const text = make("span.main.text.soft", {}, accepted(row),
      findings.isAccepted[row] ? " " : "", findings.said(row));
    if (findings.by === "rule") {
      const name = make("span.main.mono", { title: data.arn[r] }, findings.title(r));
      return make("div.row.leaf", leaf, verdict(row), name, text, make("span.side", {}, findings.place(r)));
    }
    const title = make("span.main", {}, findings.ruleText(row).title);
    return make("div.row.leaf", leaf, badge(severityOf[row]), title, text, make("span.side", {}, verdict(row)));
  }

  function drawGroup(group, g) {
    const { groups, members } = findings;
    const attributes = {
      role: "treeitem",
      "aria-level": 1,
      "aria-expanded": opened.has(group.k),
      "aria-posinset": g + 1,
      "aria-setsize": groups.length,
    };
    const tally = make("span.tally");
    group.statuses.forEach((n, code) => {
      const label = LABELS[data.statuses[code]];
      if (n) tally.append(status(code, number.format(n), make("span.hide", {}, ` ${label}`)));
    });
    if (findings.by === "rule") {
      const rule = data.rules[group.k];
      const main = make("span.main", { title: rule.title },
        make("b", {}, rule.title), " ", make("span.soft.mono", {}, rule.id));
      return make("div.row", attributes, make("span.chevron"), badge(severityOf[members[group.from]]), main, tally);
    }
    const own = members.subarray(group.from, group.to);
    const gravest = severityOf[own.find((i) => findings.isOpenFailure(i)) ?? own[0]];
    const where = `${data.types[data.typeOf[group.k]]} · ${findings.place(group.k)}`;
    const main = make("span.main", { title: data.arn[group.k] },
      make("b.mono", {}, findings.title(group.k)), " ", make("span.soft", {}, where));
    return make("div.row", attributes, make("span.chevron"), badge(gravest), main, tally);
  }

  const tree = new Tree($("list"), {
    draw,
    open(n) {
      if (rows[n] < 0) tree.widen(n, !opened.has(findings.groups[-1 - rows[n]].k));
      else if (rows[n] >= count) showRule(findings.groups[rows[n] - count].k);
      else show(rows[n]);
    },
    widen(n, wide) {
      if (rows[n] >= 0) {
        let up = n;
        while (rows[up] >= 0) up--;
        if (!wide) tree.focus(up);
        return;
      }
      const { k } = findings.groups[-1 - rows[n]];
      if (opened.has(k) === wide) {
        if (wide) tree.focus(Math.min(n + 1, tree.count - 1));
        return;
      }
      if (wide) opened.add(k);
      else opened.delete(k);
      lay();
      redraw(n);
    },
  });

  // Filters ------------------------------------------------------------------------------------------------------

  const quietly = { preventScroll: true };

  for (const facet of facets) {
    if (facet.names.length < 2 || (facet.key === "suppression" && !findings.acceptance.size)) continue;
    facet.items = facet.names.map((name, value) => {
      const box = make("input", { type: "checkbox" });
      const total = make("span.number");
      box.addEventListener("change", () => {
        if (box.checked) facet.chosen.add(value);
        else facet.chosen.delete(value);
        update();
      });
      const label = make("label", {}, box, make("span", { title: name }, findings.named(facet, value)), total);
      return { name, value, box, total, item: make("li", {}, label) };
    });
    const inOrder = facet.words ? facet.items : [...facet.items].sort((a, b) => (a.name < b.name ? -1 : 1));
    const panel = make("details.facet", facet.open ? { open: "" } : {}, make("summary", {}, facet.label));
    if (facet.names.length > 12) {
      const label = `Find in ${facet.label.toLowerCase()}`;
      facet.find = make("input.find", { type: "search", placeholder: "Find", "aria-label": label });
      facet.find.addEventListener("input", () => drawFacet(facet));
      panel.append(facet.find);
    }
    panel.append(make("ul", {}, ...inOrder.map(({ item }) => item)));
    $("facets").append(panel);
  }

  function drawFacet(facet) {
    const sought = facet.find?.value.toLowerCase() ?? "";
    for (const { name, value, box, total, item } of facet.items ?? []) {
      const n = facet.counts[value];
      const checked = facet.chosen.has(value);
      const idle = !n && !checked && facet.names.length > 5;
      const hidden = idle || !name.toLowerCase().includes(sought);
      if (total.textContent !== number.format(n)) total.textContent = number.format(n);
      if (box.checked !== checked) box.checked = checked;
      if (item.hidden !== hidden) item.hidden = hidden;
    }
  }

  function drawChips() {
    const chosen = facets.flatMap((facet) => [...facet.chosen].map((value) => [facet, value]));
    $("chips").replaceChildren(...chosen.map(([facet, value]) => {
      const remove = () => {
        facet.chosen.delete(value);
        update();
        $("search").focus(quietly);
      };
      const title = `Remove ${facet.label.toLowerCase()}: ${facet.names[value]}`;
      const chip = make("button.chip", { type: "button", title, onclick: remove }, findings.named(facet, value));
      return make("li", {}, chip);
    }));
    $("clear").hidden = !chosen.length && !findings.text;
    $("filters").textContent = chosen.length ? `Filters (${chosen.length})` : "Filters";
  }

  /** Everything after a change of filters, text or grouping. */
  function update() {
    findings.filter();
    findings.group();
    const { groups, matches, by } = findings;
    opened = new Set(groups.length === 1 ? [groups[0].k] : []);
    lay();
    facets.forEach(drawFacet);
    drawChips();
    const grouped = plural(groups.length, by);
    $("counted").textContent = `${number.format(matches)} of ${plural(count, "finding")} in ${grouped}.`;
    $("nothing").hidden = matches > 0;
    if ($("search").value.trim() !== findings.text) $("search").value = findings.text;
    document.querySelector(`input[name="by"][value="${by}"]`).checked = true;
    $("list").scrollTop = 0;
    redraw(0);
    remember();
  }

  // The drawer: one finding, or one rule -------------------------------------------------------------------------

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
    await detailed;
    const { details } = findings;
    const rule = findings.ruleText(i);
    const r = resourceOf[i];
    const [reason, owner, expires] = findings.acceptedBy(i) ?? [];
    const evidence = Object.entries(details.evidence[details.evidenceOf[i]]);
    const about = {
      id: data.id[r],
      name: data.name[r],
      arn: data.arn[r],
      region: data.regions[data.regionOf[r]],
      account: data.accounts[data.accountOf[r]],
    };
    const tags = data.tags[r]
      ? Object.entries(data.tags[r]).map(([key, value]) => [`Tag ${key}`, value || "(empty)", "mono"])
      : [["Tags", "were not read"]];
    const look = (label, query) => make("a", { href: `#${new URLSearchParams(query)}` }, label);
    reveal(i,
      make("div.badges", {}, badge(severityOf[i]), verdict(i), accepted(i)),
      make("h2", { id: "drawer-title" }, rule.title),
      findings.said(i) ? make("p.message.prose", {}, findings.said(i)) : null,
      owner ? make("div.banner", {}, make("strong", {}, `Accepted by ${owner} until ${expires}.`), ` ${reason}`) : null,
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
    let n = rows.indexOf(i);
    if (n < 0) return null;
    do n += step; while (rows[n] < 0 || rows[n] >= count);
    return n >= 0 && n < rows.length ? n : null;
  }

  function reveal(i, ...content) {
    shownFinding = i;
    const held = document.activeElement?.textContent;
    const step = (label, direction) => {
      const to = beside(i, direction);
      const onclick = () => {
        tree.active = to;
        show(rows[to]);
      };
      const button = make("button.quiet", { type: "button", onclick }, label);
      button.disabled = to === null;
      return button;
    };
    const steps = i === null ? [] : [step("Previous", -1), step("Next", 1)];
    const close = make("button.quiet", { type: "button", onclick: () => drawer.close() }, "Close");
    const bar = make("div.drawer-bar", {}, make("span.place", {}, i === null ? "Rule" : "Finding"), ...steps, close);
    drawer.replaceChildren(bar, make("div.drawer-body", {}, ...content));
    drawer.scrollTop = 0;
    if (!drawer.open) drawer.showModal();
    (steps.find((button) => button.textContent === held && !button.disabled) ?? close).focus();
    remember();
  }

  drawer.addEventListener("click", (event) => {
    if (event.target === drawer || event.target.closest("a")) drawer.close();
  });
  drawer.addEventListener("keydown", (event) => {
    const label = { j: "Next", k: "Previous" }[event.key];
    if (label) [...drawer.querySelectorAll("button")].find((button) => button.textContent === label)?.click();
  });
  drawer.addEventListener("close", () => {
    shownFinding = null;
    if (tree.count && cameFromList) tree.focus(tree.active);
    remember();
  });
  // Where the keyboard was before the drawer opened: the row that opened it may have been drawn anew since.
  let cameFromList = false;
  document.addEventListener("focusin", ({ target }) => {
    if (!target.closest("#drawer")) cameFromList = Boolean(target.closest("#list"));
  });

  // Paper: a plain list of what the filters show, made when somebody prints --------------------------------------

  function sheet(group, own) {
    const byRule = findings.by === "rule";
    const rule = byRule ? data.rules[group.k] : null;
    const lines = new Map(); // of one rule, findings that say the same share a line
    for (const i of own) {
      const same = byRule ? [statusOf[i], findings.message(i), findings.acceptedBy(i)].join("\n") : i;
      if (!lines.has(same)) lines.set(same, []);
      lines.get(same).push(i);
    }
    const items = [...lines.values()].map((same) => {
      const resources = same.map((i) => `${findings.title(resourceOf[i])} (${findings.place(resourceOf[i])})`);
      const { title, id } = findings.ruleText(same[0]);
      return make("li", {}, verdict(same[0]),
        make("span", {}, byRule ? "" : `${title} `, findings.said(same[0]), " ", accepted(same[0])),
        make("span.mono", {}, byRule ? resources.join(", ") : id));
    });
    return make("div.group", {},
      make("h3", {}, badge(severityOf[own[0]]), make("span", {}, rule ? rule.title : findings.title(group.k)),
        make("span.soft", {}, plural(group.to - group.from, "finding"))),
      rule ? make("p.soft", {}, rule.risk) : make("p.soft.mono", {}, data.arn[group.k]),
      rule ? make("p.mono", {}, rule.fix) : null,
      make("ul", {}, ...items));
  }

  function print() {
    const sheets = [];
    let left = PRINTED;
    for (const group of findings.groups) {
      if (left <= 0) break;
      const own = [...findings.members.subarray(group.from, Math.min(group.to, group.from + left))];
      left -= own.length;
      sheets.push(sheet(group, own));
    }
    const said = [$("counted").textContent];
    for (const facet of facets) {
      const values = [...facet.chosen].map((value) => findings.named(facet, value));
      if (values.length) said.push(`${facet.label}: ${values.join(", ")}.`);
    }
    if (findings.text) said.push(`Search: ${findings.text}.`);
    if (findings.matches > PRINTED) said.push(`The first ${number.format(PRINTED)} are printed.`);
    $("printed").replaceChildren(make("p.note", {}, said.join(" ")), ...sheets);
  }
  addEventListener("beforeprint", print);
  addEventListener("afterprint", () => $("printed").replaceChildren());

  // Controls -----------------------------------------------------------------------------------------------------

  let typing = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      findings.text = $("search").value.trim();
      update();
    }, 60);
  });
  $("search").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || !tree.count) return;
    event.preventDefault();
    tree.focus(0);
  });
  for (const radio of document.querySelectorAll("input[name=by]")) {
    radio.addEventListener("change", () => {
      findings.by = radio.value;
      update();
    });
  }
  $("clear").addEventListener("click", () => {
    findings.clear();
    update();
    $("search").focus(quietly);
  });
  $("filters").addEventListener("click", () => {
    const closed = $("filters").getAttribute("aria-expanded") === "false";
    $("filters").setAttribute("aria-expanded", closed);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, dialog")) return;
    event.preventDefault();
    $("search").focus();
  });
  addEventListener("hashchange", () => follow(location.hash, true));
  document.addEventListener("click", (event) => {
    // A link to where the address already points changes nothing, so no hashchange would tell.
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) follow(link.hash, true);
  });

  const address = location.hash;
  findings.query = findings.firstQuery;
  $("workbench").hidden = false;
  if (!new URLSearchParams(address.slice(1)).has("by")) update();
  follow(address, true);
  setTimeout(() => findings.haystacks, 200); // ready before somebody types
}

// The manifest: operations, and their regions within -------------------------------------------------------------

function manifest(calls) {
  const operations = new Map();
  for (const call of calls) {
    const [service, operation, region] = call;
    const name = `${service}:${operation}`;
    const entry = operations.get(name) ?? { name, calls: [], regions: new Set(), sums: [0, 0, 0], open: false };
    operations.set(name, entry);
    entry.calls.push(call);
    entry.regions.add(region);
    for (let i = 0; i < 3; i++) entry.sums[i] += call[4 + i];
  }
  const several = new Set(calls.map(([, , , account]) => account)).size > 1;
  const cell = (sum) => make(sum ? "span.number" : "span.number.zero", {}, number.format(sum));
  let rows = [];

  function lay() {
    rows = [...operations.values()].flatMap((entry) => [entry, ...(entry.open ? entry.calls : [])]);
  }

  function draw(n) {
    const row = rows[n];
    if (Array.isArray(row)) {
      const [, , region, account, ...sums] = row;
      return make("div.row.leaf", { role: "treeitem", "aria-level": 2 }, make("span"),
        make("span.main.soft", {}, several ? `${region} · ${account}` : region), ...sums.map(cell));
    }
    const main = make("span.main", {}, make("span.mono", {}, row.name), " ",
      make("span.soft", {}, plural(row.regions.size, "region")));
    return make("div.row", { role: "treeitem", "aria-level": 1, "aria-expanded": row.open }, make("span.chevron"), main,
      ...row.sums.map(cell));
  }

  const tree = new Tree($("manifest-list"), {
    draw,
    open(n) {
      if (!Array.isArray(rows[n])) tree.widen(n, !rows[n].open);
    },
    widen(n, wide) {
      if (Array.isArray(rows[n])) return;
      rows[n].open = wide;
      lay();
      tree.fill(rows.length, n);
    },
  });
  lay();
  tree.fill(rows.length);
}

// Start ----------------------------------------------------------------------------------------------------------

/** To a section, without touching the address: it holds the filters. */
function goTo(id) {
  $(id).scrollIntoView();
  $(id).focus({ preventScroll: true });
}

function themes() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const label = () => {
    $("theme").textContent = isDark() ? "Light" : "Dark";
    $("theme").title = `Switch to ${isDark() ? "light" : "dark"} colours`;
  };
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = remembered.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
}

document.addEventListener("DOMContentLoaded", async () => {
  document.querySelector(".tools").hidden = false;
  themes();
  $("print").addEventListener("click", () => window.print());
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy($(button.dataset.copy).textContent, button));
  }
  for (const link of document.querySelectorAll('nav a, .skip, a[href="#gaps"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(link.hash.slice(1));
    });
  }
  const asked = document.querySelector("section" + (/^#[a-z]+$/.test(location.hash) ? location.hash : "#none"));
  const state = $("state");
  state.hidden = false;
  try {
    const data = await read("core");
    state.hidden = data.rule.length > 0;
    if (data.rule.length) workbench(data);
    else state.textContent = "There are no findings: no rule met a resource.";
    manifest(data.calls);
    asked?.scrollIntoView(); // the findings have grown above it since the browser went there
    document.documentElement.dataset.ready = Math.round(performance.now());
  } catch (error) {
    state.hidden = false;
    state.textContent = typeof DecompressionStream === "undefined"
      ? "This browser is too old to read the findings in this file; any browser of 2023 or later can."
      : `The findings in this file cannot be read; it may be damaged. (${error.message})`;
    console.error(error);
  }
});
