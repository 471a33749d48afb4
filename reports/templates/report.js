// The report: findings with their filters, the opened finding, the manifest. Stands on parts.js.

const LABELS = {
  fail: "Failed", unknown: "Not assessed", pass: "Passed", not_applicable: "Not applicable",
  open: "Open", suppressed: "Accepted",
};
const word = (name) => LABELS[name] ?? ((name.charAt(0).toUpperCase() + name.slice(1)) || "None");
const named = (facet, value) => facet.words ? word(facet.names[value]) : facet.names[value];
const PRINTED = 1000; // findings on paper
const TALLEST = 15_000_000; // pixels; browsers cannot lay out much more than this

// The findings --------------------------------------------------------------------------------------------------

function workbench(data) {
  const count = data.rule.length;
  const severityOf = Uint8Array.from(data.severity), statusOf = Uint8Array.from(data.status);
  const ruleOf = Uint32Array.from(data.rule), resourceOf = Uint32Array.from(data.resource), messageOf = Uint32Array.from(data.message);
  const acceptedBy = new Map(data.suppressed);
  const FAIL = data.statuses.indexOf("fail"), UNKNOWN = data.statuses.indexOf("unknown");
  let details = null;
  const detailed = read("detail").then((read_) => { details = read_; return details; });

  const isAccepted = new Uint8Array(count);
  for (let i = 0; i < count; i++) isAccepted[i] = acceptedBy.has(i) ? 1 : 0;

  function numbered(values) {
    const names = [...new Set(values)].sort();
    const by = new Map(names.map((name, i) => [name, i]));
    return [names, values.map((value) => by.get(value))];
  }
  const [services, serviceOf] = numbered(data.rules.map((rule) => rule.id.split("-")[0]));
  const [categories, categoryOf] = numbered(data.rules.map((rule) => rule.category));

  const facets = [
    { key: "status", words: true, label: "Status", names: data.statuses, codes: statusOf, open: true },
    { key: "severity", words: true, label: "Severity", names: data.severities, codes: severityOf, open: true },
    { key: "suppression", words: true, label: "Suppression", names: ["open", "suppressed"], codes: isAccepted, open: true },
    { key: "service", label: "Service", names: services, codes: ruleOf.map((r) => serviceOf[r]), open: true },
    { key: "region", label: "Region", names: data.regions, codes: resourceOf.map((r) => data.regionOf[r]) },
    { key: "category", words: true, label: "Category", names: categories, codes: ruleOf.map((r) => categoryOf[r]) },
    { key: "account", label: "Account", names: data.accounts, codes: resourceOf.map((r) => data.accountOf[r]) },
    { key: "rule", label: "Rule", names: data.rules.map((rule) => rule.id), codes: ruleOf },
  ];
  for (const facet of facets) {
    facet.chosen = new Set();
    facet.counts = new Uint32Array(facet.names.length);
    facet.mask = new Uint8Array(facet.names.length);
  }

  // State: what is asked for, in the address and back.

  const state = { by: "rule", text: "", finding: null };

  function address() {
    const params = new URLSearchParams({ by: state.by });
    if (state.text) params.set("q", state.text);
    for (const facet of facets) for (const value of facet.chosen) params.append(facet.key, facet.names[value]);
    if (state.finding !== null && details) params.set("finding", details.fingerprints[state.finding]);
    return "#" + params;
  }

  let waiting = 0;
  function remember() {
    clearTimeout(waiting);
    waiting = setTimeout(() => { try { history.replaceState(null, "", address()); } catch { /* a sandboxed frame */ } }, 150);
  }

  /** Takes the state from the address. Says whether it held filters; plain anchors such as #gaps do not. */
  function recall(hash) {
    const params = new URLSearchParams(hash.replace(/^#/, ""));
    const asked = params.has("by");
    if (asked) {
      state.by = params.get("by") === "resource" ? "resource" : "rule";
      state.text = params.get("q") ?? "";
      for (const facet of facets) {
        facet.chosen = new Set(params.getAll(facet.key).map((name) => facet.names.indexOf(name)).filter((i) => i >= 0));
      }
    }
    return [asked, params.get("finding")];
  }

  // Search: each distinct text is looked at once.

  let hay = null;
  function haystacks() {
    const fold = (...texts) => texts.join("\n").toLowerCase();
    hay ??= {
      rules: data.rules.map((rule) => fold(rule.id, rule.title, ...rule.controls)),
      resources: data.arn.map((arn, r) => fold(arn, data.id[r], data.name[r], data.types[data.typeOf[r]], ...Object.entries(data.tags[r] ?? {}).map(([k, v]) => `${k}=${v}`))),
      messages: data.messages.map((message) => message.toLowerCase()),
    };
    return hay;
  }

  function search(text) {
    return text.toLowerCase().split(/\s+/).filter(Boolean).map((term) => {
      const hits = (texts) => Uint8Array.from(texts, (one) => one.includes(term));
      const { rules, resources, messages } = haystacks();
      const prints = /^[0-9a-f]{8,}$/.test(term) && details ? new Set(details.fingerprints.flatMap((f, i) => f.startsWith(term) ? [i] : [])) : new Set();
      return { rules: hits(rules), resources: hits(resources), messages: hits(messages), prints };
    });
  }

  // Filtering: one pass counts, for every facet, what choosing each of its values would show.

  const found = new Uint32Array(count);
  let matches = 0;

  function filter() {
    const active = facets.filter((facet) => facet.chosen.size);
    for (const facet of facets) {
      facet.counts.fill(0);
      facet.mask.fill(0);
      for (const value of facet.chosen) facet.mask[value] = 1;
    }
    const terms = search(state.text);
    matches = 0;
    next: for (let i = 0; i < count; i++) {
      for (const t of terms) {
        if (!(t.rules[ruleOf[i]] || t.resources[resourceOf[i]] || t.messages[messageOf[i]] || t.prints.has(i))) continue next;
      }
      let missed = null;
      for (const facet of active) {
        if (facet.mask[facet.codes[i]]) continue;
        if (missed) continue next;
        missed = facet;
      }
      if (missed) missed.counts[missed.codes[i]]++;
      else {
        found[matches++] = i;
        for (const facet of facets) facet.counts[facet.codes[i]]++;
      }
    }
  }

  // Grouping: members of each group stand together in `members`; `groups` are sorted, the worst first.

  let groups = [], members = new Uint32Array(0), rows = new Int32Array(0), opened = new Set();
  const keyOf = () => state.by === "rule" ? ruleOf : resourceOf;

  function group() {
    const key = keyOf(), size = state.by === "rule" ? data.rules.length : data.arn.length;
    const ends = new Uint32Array(size + 1);
    for (let n = 0; n < matches; n++) ends[key[found[n]] + 1]++;
    for (let k = 0; k < size; k++) ends[k + 1] += ends[k];
    const at = ends.slice(), weight = new Float64Array(size);
    const statuses = new Uint32Array(size * data.statuses.length);
    const scale = [2 ** 42, 2 ** 31, 2 ** 20, 2 ** 10, 1];
    members = new Uint32Array(matches);
    for (let n = 0; n < matches; n++) {
      const i = found[n], k = key[i];
      members[at[k]++] = i;
      statuses[k * data.statuses.length + statusOf[i]]++;
      if (statusOf[i] === FAIL && !isAccepted[i]) weight[k] += scale[severityOf[i]];
      else if (statusOf[i] === UNKNOWN) weight[k] += 2 ** -20;
    }
    groups = [];
    for (let k = 0; k < size; k++) {
      if (ends[k + 1] > ends[k]) {
        groups.push({ k, from: ends[k], to: ends[k + 1], weight: weight[k], statuses: statuses.subarray(k * data.statuses.length, (k + 1) * data.statuses.length) });
      }
    }
    groups.sort((a, b) => b.weight - a.weight || a.k - b.k);
  }

  /** Rows: -1-g for group g, a finding's number for a finding, count+g for "about this rule". */
  function lay() {
    const total = groups.reduce((sum, g) => sum + 1 + (opened.has(g.k) ? g.to - g.from + (state.by === "rule" ? 1 : 0) : 0), 0);
    rows = new Int32Array(total);
    let n = 0;
    groups.forEach((g, number_) => {
      rows[n++] = -1 - number_;
      if (!opened.has(g.k)) return;
      if (state.by === "rule") rows[n++] = count + number_;
      for (let m = g.from; m < g.to; m++) rows[n++] = members[m];
    });
  }

  // Drawing.

  const said = (i) => data.messages[messageOf[i]] === data.rules[ruleOf[i]].title ? "" : data.messages[messageOf[i]];
  const badge = (severity) => make(`span.badge.severity-${data.severities[severity]}`, {}, data.severities[severity]);
  const status = (code) => make(`span.status.status-${data.statuses[code]}`, {}, LABELS[data.statuses[code]]);
  const title = (r) => data.name[r] || data.id[r];
  const accepted = (i) => {
    if (!acceptedBy.has(i)) return null;
    const [, owner, expires] = data.suppressions[acceptedBy.get(i)];
    return make("span.badge.accepted", {}, `Accepted until ${expires} by ${owner}`);
  };
  const regionOf = (r) => data.regions[data.regionOf[r]] + (data.accounts.length > 1 ? ` · ${data.accounts[data.accountOf[r]]}` : "");

  function draw(n) {
    const row = rows[n];
    if (row < 0) return drawGroup(groups[-1 - row], -1 - row);
    if (row >= count) {
      return make("div.row.leaf.about-rule", { role: "treeitem", "aria-level": 2 }, make("span.main", {}, "About this rule: risk, fix, controls"));
    }
    const r = resourceOf[row], byRule = state.by === "rule";
    const main = byRule ? make("span.main.mono", { title: data.arn[r] }, title(r)) : make("span.main", {}, data.rules[ruleOf[row]].title);
    return make("div.row.leaf", { role: "treeitem", "aria-level": 2, "aria-haspopup": "dialog" }, byRule ? status(statusOf[row]) : badge(severityOf[row]),
      main, make("span.main.text.soft", {}, accepted(row), acceptedBy.has(row) ? " " : null, said(row)),
      make("span.side", {}, byRule ? regionOf(r) : status(statusOf[row])));
  }

  function drawGroup(g, position) {
    const tally = make("span.tally");
    g.statuses.forEach((n, code) => { if (n) tally.append(make(`span.status.status-${data.statuses[code]}`, { title: LABELS[data.statuses[code]] }, number.format(n), make("span.hide", {}, ` ${LABELS[data.statuses[code]]}`))); });
    const first = members[g.from];
    const attributes = { role: "treeitem", "aria-level": 1, "aria-expanded": opened.has(g.k), "aria-posinset": position + 1, "aria-setsize": groups.length };
    if (state.by === "rule") {
      const rule = data.rules[g.k];
      return make("div.row", attributes, make("span.chevron"), badge(severityOf[first]), make("span.main", { title: rule.title }, make("b", {}, rule.title), " ", make("span.soft.mono", {}, rule.id)), tally);
    }
    let gravest = severityOf[first];
    for (let m = g.from; m < g.to; m++) if (statusOf[members[m]] === FAIL) { gravest = severityOf[members[m]]; break; }
    return make("div.row", attributes, make("span.chevron"), badge(gravest),
      make("span.main", { title: data.arn[g.k] }, make("b.mono", {}, title(g.k)), " ", make("span.soft", {}, `${data.types[data.typeOf[g.k]]} · ${regionOf(g.k)}`)), tally);
  }

  const tree = new Tree($("list"), {
    draw,
    open(n) {
      if (rows[n] < 0) this.widen(n, !opened.has(groups[-1 - rows[n]].k));
      else if (rows[n] >= count) showRule(groups[rows[n] - count].k);
      else show(rows[n]);
    },
    widen(n, wide) {
      if (rows[n] >= 0) {
        if (!wide) for (let up = n; up >= 0; up--) if (rows[up] < 0) { tree.focus(up); break; }
        return;
      }
      const { k } = groups[-1 - rows[n]];
      if (opened.has(k) === wide) { if (wide && n + 1 < rows.length) tree.focus(n + 1); return; }
      if (wide) opened.add(k); else opened.delete(k);
      lay();
      tree.fill(shown(), n);
    },
  });

  const shown = () => Math.min(rows.length, Math.floor(TALLEST / 48));

  // Facets and chips.

  for (const facet of facets) {
    if (facet.names.length < 2 || (facet.key === "suppression" && !acceptedBy.size)) continue;
    const list = make("ul");
    facet.items = facet.names.map((name, value) => {
      const box = make("input", { type: "checkbox" }), total = make("span.number");
      box.addEventListener("change", () => { if (box.checked) facet.chosen.add(value); else facet.chosen.delete(value); update(); });
      return { name, value, box, total, item: make("li", {}, make("label", {}, box, make("span", { title: name }, named(facet, value)), total)) };
    });
    const sorted = ["status", "severity", "suppression"].includes(facet.key) ? facet.items : facet.items.toSorted((a, b) => a.name < b.name ? -1 : 1);
    list.append(...sorted.map(({ item }) => item));
    facet.box = make("details.facet", facet.open ? { open: "" } : {}, make("summary", {}, facet.label));
    if (facet.names.length > 12) {
      facet.find = make("input.find", { type: "search", placeholder: "Find", "aria-label": `Find in ${facet.label.toLowerCase()}`, autocomplete: "off" });
      facet.find.addEventListener("input", () => tally(facet));
      facet.box.append(facet.find);
    }
    facet.box.append(list);
    $("facets").append(facet.box);
  }

  function tally(facet) {
    const sought = facet.find?.value.toLowerCase() ?? "";
    for (const { name, value, box, total, item } of facet.items ?? []) {
      const n = facet.counts[value], checked = facet.chosen.has(value);
      const text = number.format(n), hidden = (!n && !checked && facet.names.length > 5) || !name.toLowerCase().includes(sought);
      if (total.textContent !== text) total.textContent = text;
      if (box.checked !== checked) box.checked = checked;
      if (item.hidden !== hidden) item.hidden = hidden;
    }
  }

  function chips() {
    const all = facets.flatMap((facet) => [...facet.chosen].map((value) => make("li", {}, make("button.chip", {
      type: "button", title: `Remove ${facet.label.toLowerCase()}: ${facet.names[value]}`, onclick: () => { facet.chosen.delete(value); update(); $("search").focus({ preventScroll: true }); },
    }, named(facet, value)))));
    $("chips").replaceChildren(...all);
    $("clear").hidden = !all.length && !state.text;
    const chosen = facets.reduce((sum, facet) => sum + facet.chosen.size, 0);
    $("filters").textContent = chosen ? `Filters (${chosen})` : "Filters";
  }

  /** Everything after a change of filters, text or grouping. */
  function update({ keep = false } = {}) {
    performance.mark("update");
    filter();
    group();
    if (!keep) opened = new Set(groups.length === 1 ? [groups[0].k] : []);
    lay();
    for (const facet of facets) tally(facet);
    chips();
    const cut = rows.length > shown() ? ` The first ${number.format(shown())} rows are shown.` : "";
    $("counted").textContent = `${number.format(matches)} of ${plural(count, "finding")} in ${plural(groups.length, state.by)}.${cut}`;
    $("nothing").hidden = matches > 0;
    if ($("search").value !== state.text) $("search").value = state.text;
    document.querySelector(`input[name="by"][value="${state.by}"]`).checked = true;
    $("list").scrollTop = 0;
    tree.fill(shown());
    remember();
    performance.measure("update", "update");
  }

  // The drawer: one finding, or one rule.

  const drawer = $("drawer");
  const section = (heading, ...children) => make("section", {}, make("h3", {}, heading), ...children);
  const pairs = (...entries) => make("dl.pairs", {}, ...entries.filter(([, value]) => value !== "" && value !== null && value !== undefined).flatMap(
    ([name, value, mono]) => [make("dt", {}, name), make(mono ? "dd.mono" : "dd", {}, value)]));
  const spell = (value) => typeof value === "string" ? value : JSON.stringify(value, null, 1).replace(/\n */g, (gap) => typeof value === "object" && JSON.stringify(value).length > 60 ? gap : " ");

  function aboutRule(rule) {
    return section("Rule", pairs(["Id", rule.id, true], ["Category", rule.category], ["Controls", rule.controls.join(", ")],
      ...Object.entries(rule.parameters ?? {}).map(([name, value]) => [name, spell(value), true]), ["Notes", rule.notes]));
  }

  function showRule(k) {
    const rule = data.rules[k];
    reveal(null, make("div.badges", {}, rule.severity ? badge(data.severities.indexOf(rule.severity)) : null), make("h2", { id: "drawer-title" }, rule.title),
      rule.risk ? section("Risk", make("p.prose", {}, rule.risk)) : null, rule.fix ? section("Fix", ...remedy(rule.fix)) : null, aboutRule(rule));
  }

  async function show(i) {
    await detailed;
    const rule = data.rules[ruleOf[i]], r = resourceOf[i], tags = data.tags[r];
    const values = { id: data.id[r], name: data.name[r], arn: data.arn[r], region: data.regions[data.regionOf[r]], account: data.accounts[data.accountOf[r]] };
    const [fix, withheld] = fill(rule.fix, values);
    const evidence = Object.entries(details.evidence[details.evidenceOf[i]]);
    const why = acceptedBy.has(i) ? data.suppressions[acceptedBy.get(i)] : null;
    const look = (label, facet, value, extra) => make("a", { href: "#" + new URLSearchParams({ by: facet, ...extra, ...value }) }, label);
    reveal(i, make("div.badges", {}, badge(severityOf[i]), status(statusOf[i]), accepted(i)),
      make("h2", { id: "drawer-title" }, rule.title),
      said(i) ? make("p.message.prose", {}, said(i)) : null,
      why && make("div.banner", {}, make("strong", {}, `Accepted by ${why[1]} until ${why[2]}.`), ` ${why[0]}`),
      evidence.length ? section("Evidence", pairs(...evidence.map(([name, value]) => [name, spell(value), true]))) : null,
      rule.risk ? section("Risk", make("p.prose", {}, rule.risk)) : null,
      rule.fix ? section("Fix", ...remedy(fix), withheld.length ? make("p.note.withheld", {},
        `Not filled in: ${withheld.map((key) => `{${key}}`).join(", ")}. The value is empty or holds characters that a shell could take for a command; look at it before you type it.`) : null) : null,
      section("Resource", pairs(["Name", values.name, true], ["Id", values.id, true], ["ARN", values.arn, true], ["Type", data.types[data.typeOf[r]]], ["Region", values.region], ["Account", values.account, true],
        ...(tags ? Object.entries(tags).map(([key, value]) => [`Tag ${key}`, value || "(empty)", true]) : [["Tags", "were not read"]]))),
      aboutRule(rule),
      section("Fingerprint", make("p.mono", {}, details.fingerprints[i])),
      make("p.more", {}, look("All findings of this resource", "resource", { q: values.arn }), look("All findings of this rule", "rule", { rule: rule.id })));
  }

  /** The next finding that is listed, in a direction, or null. */
  function beside(i, step) {
    let n = rows.indexOf(i);
    if (n < 0) return null;
    do n += step; while (n >= 0 && n < rows.length && (rows[n] < 0 || rows[n] >= count));
    return n >= 0 && n < rows.length ? n : null;
  }

  function reveal(i, ...content) {
    state.finding = i;
    const step = (label, by) => {
      const to = i === null ? null : beside(i, by);
      const button = make("button.quiet", { type: "button", onclick: () => { tree.active = to; show(rows[to]); } }, label);
      button.disabled = to === null;
      return button;
    };
    const held = document.activeElement?.textContent;
    const buttons = i === null ? [] : [step("Previous", -1), step("Next", 1)];
    const close = make("button.quiet", { type: "button", onclick: () => drawer.close() }, "Close");
    drawer.replaceChildren(make("div.drawer-bar", {}, make("span.place", {}, i === null ? "Rule" : "Finding"), ...buttons, close), make("div.drawer-body", {}, ...content));
    drawer.scrollTop = 0;
    if (!drawer.open) drawer.showModal();
    (buttons.find((button) => button.textContent === held && !button.disabled) ?? close).focus();
    remember();
  }

  drawer.addEventListener("click", (event) => { if (event.target === drawer || event.target.closest("a")) drawer.close(); });
  drawer.addEventListener("keydown", (event) => {
    const label = { j: "Next", k: "Previous" }[event.key];
    if (label) [...drawer.querySelectorAll("button")].find((button) => button.textContent === label)?.click();
  });
  drawer.addEventListener("close", () => {
    state.finding = null;
    if (tree.count && drawer.dataset.from === "list") tree.focus(tree.active);
    remember();
  });
  $("list").addEventListener("focusin", () => { drawer.dataset.from = "list"; });
  document.addEventListener("focusin", (event) => { if (!event.target.closest("#drawer, #list")) drawer.dataset.from = ""; });

  // Paper: a plain list of what the filters show, made when somebody prints.

  function print() {
    const sheets = [];
    let left = PRINTED;
    for (const g of groups) {
      if (left <= 0) break;
      const some = [...members.subarray(g.from, Math.min(g.to, g.from + left))];
      left -= some.length;
      const rule = state.by === "rule" ? data.rules[g.k] : null;
      const lines = new Map(); // findings that say the same share a line
      for (const i of some) {
        const line = rule ? `${statusOf[i]} ${messageOf[i]} ${acceptedBy.get(i)}` : i;
        if (lines.has(line)) lines.get(line).push(i); else lines.set(line, [i]);
      }
      const items = [...lines.values()].map((same) => make("li", {}, status(statusOf[same[0]]),
        make("span", {}, rule ? null : `${data.rules[ruleOf[same[0]]].title} `, data.messages[messageOf[same[0]]], " ", accepted(same[0])),
        make("span.mono", {}, rule ? same.map((i) => `${title(resourceOf[i])} (${regionOf(resourceOf[i])})`).join(", ") : data.rules[ruleOf[same[0]]].id)));
      sheets.push(make("div.group", {}, make("h3", {}, badge(severityOf[some[0]]), make("span", {}, rule ? rule.title : title(g.k)), make("span.soft", {}, plural(g.to - g.from, "finding"))),
        rule ? make("p.soft", {}, rule.risk) : make("p.soft.mono", {}, data.arn[g.k]), rule ? make("p.mono", {}, rule.fix) : null, make("ul", {}, ...items)));
    }
    const chosen = facets.filter((facet) => facet.chosen.size).map((facet) => `${facet.label.toLowerCase()} ${[...facet.chosen].map((v) => named(facet, v)).join(", ")}`);
    const rest = matches > PRINTED ? ` The first ${number.format(PRINTED)} are printed; filter to print others.` : "";
    $("printed").replaceChildren(make("p.note", {}, `${$("counted").textContent} ${chosen.length ? `Filters: ${chosen.join("; ")}.` : ""} ${state.text ? `Search: ${state.text}.` : ""}${rest}`), ...sheets);
  }
  addEventListener("beforeprint", print);
  addEventListener("afterprint", () => $("printed").replaceChildren());

  // Controls.

  let typing = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { state.text = $("search").value.trim(); update(); }, 60);
  });
  $("search").addEventListener("keydown", (event) => { if (event.key === "ArrowDown" && tree.count) { event.preventDefault(); tree.focus(0); } });
  for (const radio of document.querySelectorAll("input[name=by]")) radio.addEventListener("change", () => { state.by = radio.value; update(); });
  $("clear").addEventListener("click", () => { for (const facet of facets) facet.chosen.clear(); state.text = ""; update(); $("search").focus(); });
  $("filters").addEventListener("click", () => $("filters").setAttribute("aria-expanded", $("filters").getAttribute("aria-expanded") === "false"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, dialog")) { event.preventDefault(); $("search").focus(); }
  });

  async function follow(hash, jump) {
    const [asked, finding] = recall(hash);
    if (asked) {
      update();
      if (jump) { $("findings").scrollIntoView(); $("findings").focus({ preventScroll: true }); }
    }
    if (!finding) return;
    await detailed;
    const i = details.fingerprints.indexOf(finding);
    if (i < 0) return;
    const k = keyOf()[i];
    if (!opened.has(k) && groups.some((g) => g.k === k)) {
      opened.add(k);
      lay();
      tree.fill(shown(), Math.max(rows.indexOf(i), 0));
    }
    show(i);
  }
  addEventListener("hashchange", () => follow(location.hash, true));
  document.addEventListener("click", (event) => {
    // A link to where the address already points changes nothing, so no hashchange would tell.
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) follow(link.hash, true);
  });

  const first = location.hash;
  // At first, what needs somebody: open failures; where there are none, what was not assessed; else everything.
  if (statusOf.some((code, i) => code === FAIL && !isAccepted[i])) recall("#by=rule&status=fail&suppression=open");
  else if (statusOf.includes(UNKNOWN)) recall("#by=rule&status=unknown");
  $("workbench").hidden = false;
  if (!new URLSearchParams(first.slice(1)).has("by")) update();
  follow(first, true);
  setTimeout(haystacks, 200);
}

// The manifest: operations, and their regions within ------------------------------------------------------------

function manifest(calls) {
  const operations = new Map();
  for (const call of calls) {
    const name = `${call[0]}:${call[1]}`;
    if (!operations.has(name)) operations.set(name, { name, calls: [], sums: [0, 0, 0], open: false });
    const operation = operations.get(name);
    operation.calls.push(call);
    for (let i = 0; i < 3; i++) operation.sums[i] += call[4 + i];
  }
  const several = new Set(calls.map((call) => call[3])).size > 1;
  let rows = [];
  const lay = () => { rows = [...operations.values()].flatMap((operation) => [operation, ...(operation.open ? operation.calls : [])]); };
  const cells = (sums) => sums.map((sum, i) => make(`span.number${sum ? "" : ".zero"}`, { title: ["calls", "errors", "throttles"][i] }, number.format(sum)));
  const tree = new Tree($("manifest-list"), {
    draw(n) {
      const row = rows[n];
      if (Array.isArray(row)) return make("div.row.leaf", { role: "treeitem", "aria-level": 2 }, make("span"), make("span.main.soft", {}, several ? `${row[2]} · ${row[3]}` : row[2]), ...cells(row.slice(4)));
      return make("div.row", { role: "treeitem", "aria-level": 1, "aria-expanded": row.open }, make("span.chevron"), make("span.main", {}, make("span.mono", {}, row.name), " ", make("span.soft", {}, plural(new Set(row.calls.map((call) => call[2])).size, "region"))), ...cells(row.sums));
    },
    open(n) { if (!Array.isArray(rows[n])) this.widen(n, !rows[n].open); },
    widen(n, wide) {
      if (Array.isArray(rows[n])) return;
      rows[n].open = wide;
      lay();
      tree.fill(rows.length, n);
    },
  });
  lay();
  tree.fill(rows.length);
  $("manifest").addEventListener("toggle", () => tree.paint());
}

// Start ---------------------------------------------------------------------------------------------------------

document.addEventListener("DOMContentLoaded", async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const label = () => { $("theme").textContent = isDark() ? "Light" : "Dark"; $("theme").setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`); };
  document.querySelector(".tools").hidden = false;
  $("theme").addEventListener("click", () => { document.documentElement.dataset.theme = remembered.theme = isDark() ? "light" : "dark"; label(); });
  dark.addEventListener("change", label);
  label();
  $("print").addEventListener("click", () => window.print());
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy($(button.dataset.copy).textContent, button));
  }
  // Within the page, sections are reached without touching the address: it holds the filters.
  for (const link of document.querySelectorAll('nav a, .skip, a[href="#gaps"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const to = $(link.hash.slice(1));
      to.scrollIntoView();
      to.focus({ preventScroll: true });
    });
  }
  const note = $("state");
  note.hidden = false;
  try {
    const data = await read("core");
    note.hidden = data.rule.length > 0;
    if (data.rule.length) workbench(data);
    else note.textContent = "There are no findings: no rule met a resource.";
    manifest(data.calls);
    document.documentElement.dataset.ready = Math.round(performance.now());
  } catch (error) {
    note.hidden = false;
    note.textContent = typeof DecompressionStream === "undefined"
      ? "This browser is too old to read the findings in this file; any browser of 2023 or later can."
      : `The findings in this file cannot be read; it may be damaged. (${error.message})`;
    console.error(error);
  }
});
