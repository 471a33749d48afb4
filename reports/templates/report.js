// The page: the list, its filters and the address. Stands on all the other scripts.

const TALLEST = 200_000; // rows; browsers cannot lay out many more

function workbench(data) {
  const findings = new Findings(data);
  const { facets, count, ruleOf, statusOf, severityOf, resourceOf } = findings;
  const detailed = read("detail").then((details) => { findings.details = details; });

  // The address --------------------------------------------------------------------------------------------------

  let waiting = 0;
  function remember() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const query = findings.query;
      if (page.shown !== null) query.set("finding", findings.details.fingerprints[page.shown]);
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
    drawer.show(i);
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

  const badge = severityBadge(data);
  const status = (code, ...text) => make(`span.status.status-${data.statuses[code]}`, {}, ...text);
  const verdict = (i) => (findings.isUnasked[i]
    ? make("span.status.status-unasked", {}, "Not asked")
    : status(statusOf[i], LABELS[data.statuses[statusOf[i]]]));
  const accepted = (i) => {
    const by = findings.acceptedBy(i);
    const words = by && `Accepted until ${by[2]} by ${by[1]}`;
    return by && make(findings.endsSoon(i) ? "span.badge.accepted.soon" : "span.badge.accepted", {}, words);
  };
  const change = (i) => {
    const kind = findings.changeOf(i);
    return SHOWN_CHANGES.has(kind) ? make(`span.badge.change-${kind}`, {}, CHANGES[kind]) : null;
  };

  function draw(n) {
    const row = rows[n];
    if (row < 0) return drawGroup(findings.groups[-1 - row], -1 - row);
    const leaf = { role: "treeitem", "aria-level": 2, "aria-haspopup": "dialog" };
    if (row >= count) {
      return make("div.row.leaf.about-rule", leaf, make("span.main", {}, "About this rule: risk, fix, controls"));
    }
    const r = resourceOf[row];
    const text = make("span.main.text.soft", {}, change(row), " ", accepted(row), " ", findings.said(row));
    if (findings.by === "rule") {
      const name = make("span.main.mono", { title: data.arn[r] }, findings.title(r));
      return make("div.row.leaf", leaf, verdict(row), name, text, make("span.side", {}, findings.place(r)));
    }
    const title = make("span.main", {}, findings.ruleText(row).title);
    if (findings.by === "service") {
      const name = make("span.main.text", { title: data.arn[r] }, make("span.mono", {}, findings.title(r)), " ",
        change(row), accepted(row));
      return make("div.row.leaf", leaf, badge(severityOf[row]), title, name, make("span.side", {}, verdict(row)));
    }
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
    if (findings.by === "service") {
      const rules = new Set(own.map((i) => ruleOf[i])).size;
      const main = make("span.main", {}, make("b", {}, findings.services[group.k]), " ",
        make("span.soft", {}, plural(rules, "rule")));
      return make("div.row", attributes, make("span.chevron"), badge(severityOf[findings.gravest(own)]), main, tally);
    }
    const gravest = severityOf[findings.gravest(own)];
    const where = `${data.types[data.typeOf[group.k]]} · ${findings.place(group.k)}`;
    const main = make("span.main", { title: data.arn[group.k] },
      make("b.mono", {}, findings.title(group.k)), " ", make("span.soft", {}, where));
    return make("div.row", attributes, make("span.chevron"), badge(gravest), main, tally);
  }

  const tree = new Tree($("list"), {
    draw,
    open(n) {
      if (rows[n] < 0) tree.widen(n, !opened.has(findings.groups[-1 - rows[n]].k));
      else if (rows[n] >= count) drawer.showRule(findings.groups[rows[n] - count].k);
      else drawer.show(rows[n]);
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

  const page = {
    data, findings, detailed, remember, verdict, accepted, change, tree, shown: null,
    get rows() { return rows; },
  };
  const drawer = makeDrawer(page);
  onPaper(page);

  // Filters ------------------------------------------------------------------------------------------------------

  const quietly = { preventScroll: true };

  for (const facet of facets) {
    if (facet.quiet || facet.names.length < 2) continue;
    if (facet.key === "suppression" && !findings.acceptance.size) continue;
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
  $("sheet").addEventListener("click", async () => {
    await detailed;
    save(asCsv(findings), "findings.csv", "text/csv");
    say(`${plural(findings.matches, "finding")} written to findings.csv`);
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
