// The findings as data: columns, facets, search, filters, groups. Knows nothing of the page.

const LABELS = {
  fail: "Failed",
  unknown: "Not assessed",
  pass: "Passed",
  not_applicable: "Not applicable",
  open: "Open",
  suppressed: "Accepted",
  expiring: "Accepted, ends soon",
  earlier: "Only in the earlier report",
};
const CHANGES = {
  new: "New",
  reopened: "Reopened",
  remaining: "Open as before",
  accepted: "Accepted since",
  fixed: "Fixed",
  gone: "Gone",
  unknown: "Now unknown",
  none: "As before",
};
const SHOWN_CHANGES = new Set(["new", "reopened", "fixed", "gone", "unknown"]);

/** Numbers for values: the distinct ones in order, and each value's place among them. */
function numbered(values) {
  const names = [...new Set(values)].sort();
  const places = new Map(names.map((name, place) => [name, place]));
  return [names, values.map((value) => places.get(value))];
}

/** Values that each rule has several of: their names in order, and for each rule which of them it has. */
function several(named) {
  const names = [...new Set(named.flat())].sort();
  const places = new Map(names.map((name, place) => [name, place]));
  return { names, values: named.map((own) => [...new Set(own)].map((name) => places.get(name))) };
}

class Findings {
  constructor(data) {
    const { rule, status, severity, resource, message, suppressed, soon, unasked, change, ...texts } = data;
    Object.assign(this, texts);
    this.count = rule.length;
    this.ruleOf = Uint32Array.from(rule);
    this.statusOf = Uint8Array.from(status);
    this.severityOf = Uint8Array.from(severity);
    this.resourceOf = Uint32Array.from(resource);
    this.messageOf = Uint32Array.from(message);
    this.acceptance = new Map(suppressed);
    this.isAccepted = new Uint8Array(this.count);
    for (const i of this.acceptance.keys()) this.isAccepted[i] = 1;
    for (const i of soon) this.isAccepted[i] = 2;
    this.isUnasked = new Uint8Array(this.count);
    for (const i of unasked) this.isUnasked[i] = 1;
    this.kindOf = Uint8Array.from(change);
    this.FAIL = this.statuses.indexOf("fail");
    this.UNKNOWN = this.statuses.indexOf("unknown");
    this.facets = this.makeFacets();
    this.by = "rule";
    this.text = "";
    this.found = new Uint32Array(this.count); // the findings that fit, the first `matches` of it
    this.matches = 0;
    this.groups = [];
    this.details = null; // evidence and fingerprints, once they are read
  }

  /**
   * What can be filtered by. A facet has a code for each finding: its value; or, where `values` is there, its rule or
   * resource, and `values` says which value that has, or which several (controls, frameworks).
   */
  makeFacets() {
    const [services, serviceOf] = numbered(this.rules.map((rule) => rule.id.split("-")[0]));
    this.services = services;
    this.serviceOf = this.ruleOf.map((r) => serviceOf[r]);
    const byRule = { codes: this.ruleOf, domain: this.rules.length };
    const byResource = { codes: this.resourceOf, domain: this.arn.length };
    const [categories, categoryOf] = numbered(this.rules.map((rule) => rule.category));
    const ids = this.rules.map((rule) => rule.id);
    const accepted = ["open", "suppressed", "expiring"];
    const cited = this.rules.map((rule) => rule.controls.map((control) => control.split(" ")));
    const frameworks = several(cited.map((controls) => controls.map(([framework]) => framework)));
    const controls = several(cited.map((each) => each.flatMap(([first, ...own]) => own.map((n) => `${first} ${n}`))));
    return [
      { key: "status", label: "Status", names: this.statuses, codes: this.statusOf, words: LABELS, open: true },
      { key: "change", label: "Change", names: this.changes, codes: this.kindOf, words: CHANGES, open: true },
      { key: "severity", label: "Severity", names: this.severities, codes: this.severityOf, words: LABELS, open: true },
      { key: "suppression", label: "Acceptance", names: accepted, codes: this.isAccepted, words: LABELS, open: true },
      { key: "category", label: "Category", names: categories, ...byRule, values: categoryOf, words: LABELS },
      { key: "service", label: "Service", names: services, ...byRule, values: serviceOf, open: true },
      { key: "framework", label: "Framework", ...frameworks, ...byRule },
      { key: "region", label: "Region", names: this.regions, ...byResource, values: this.regionOf },
      { key: "account", label: "Account", names: this.accounts, ...byResource, values: this.accountOf },
      { key: "rule", label: "Rule", names: ids, codes: this.ruleOf },
      { key: "control", label: "Control", ...controls, ...byRule, quiet: true },
    ].map((facet) => this.idle(facet)).filter((facet) => facet.key !== "change" || facet.names.length);
  }

  /** A facet with nothing chosen. */
  idle(facet) {
    const size = facet.domain ?? facet.names.length;
    const counts = new Uint32Array(facet.names.length);
    const tally = facet.domain ? new Uint32Array(size) : counts;
    return { ...facet, chosen: new Set(), counts, tally, mask: new Uint8Array(size) };
  }

  // What is said of a finding (i), a resource (r) or a facet's value.

  ruleText(i) {
    return this.rules[this.ruleOf[i]];
  }

  message(i) {
    return this.messages[this.messageOf[i]];
  }

  /** The message, where it says more than the rule's title. */
  said(i) {
    return this.message(i) === this.ruleText(i).title ? "" : this.message(i);
  }

  /** A resource's name; what is said of a whole type has none. */
  title(r) {
    if (this.id[r] === "*") return `Every ${this.types[this.typeOf[r]].split("::").slice(1).join(" ")}`;
    return this.name[r] || this.id[r];
  }

  /** What a fix may be filled in with. */
  about(r) {
    const [region, account] = [this.regions[this.regionOf[r]], this.accounts[this.accountOf[r]]];
    return { id: this.id[r], name: this.name[r], arn: this.arn[r], region, account };
  }

  /** What became of a finding since the baseline: a key of CHANGES; nothing where there is none. */
  changeOf(i) {
    return this.changes[this.kindOf[i]];
  }

  endsSoon(i) {
    return this.isAccepted[i] === 2;
  }

  /** Of findings that stand together the one whose severity speaks for them. */
  gravest(own) {
    let worst = own[0];
    for (const i of own) {
      const open = this.isOpenFailure(i);
      if (open !== this.isOpenFailure(worst) ? open : this.severityOf[i] < this.severityOf[worst]) worst = i;
    }
    return worst;
  }

  /** Region, and account where there are several. */
  place(r) {
    const region = this.regions[this.regionOf[r]];
    return this.accounts.length > 1 ? `${region} · ${this.accounts[this.accountOf[r]]}` : region;
  }

  /** [reason, owner, expires] of an accepted finding. */
  acceptedBy(i) {
    return this.acceptance.has(i) ? this.suppressions[this.acceptance.get(i)] : null;
  }

  named(facet, value) {
    const name = facet.names[value];
    if (!facet.words) return name;
    return facet.words[name] ?? (name ? name[0].toUpperCase() + name.slice(1) : "None");
  }

  isOpenFailure(i) {
    return this.statusOf[i] === this.FAIL && !this.isAccepted[i];
  }

  // The address: what is asked for, to keep and to send.

  get query() {
    const params = new URLSearchParams({ by: this.by });
    if (this.text) params.set("q", this.text);
    for (const facet of this.facets) {
      for (const value of facet.chosen) params.append(facet.key, facet.names[value]);
    }
    return params;
  }

  set query(params) {
    this.by = ["resource", "service"].find((by) => by === params.get("by")) ?? "rule";
    this.text = params.get("q") ?? "";
    for (const facet of this.facets) {
      const places = params.getAll(facet.key).map((name) => facet.names.indexOf(name));
      facet.chosen = new Set(places.filter((place) => place >= 0));
    }
  }

  /** What needs somebody: open failures; where there are none, what was not assessed; else everything. */
  get firstQuery() {
    for (let i = 0; i < this.count; i++) {
      if (this.isOpenFailure(i)) return new URLSearchParams("by=rule&status=fail&suppression=open");
    }
    return new URLSearchParams(this.statusOf.includes(this.UNKNOWN) ? "by=rule&status=unknown" : "by=rule");
  }

  clear() {
    this.text = "";
    for (const facet of this.facets) facet.chosen.clear();
  }

  // Search: each distinct text is looked at once, not once per finding.

  get haystacks() {
    const fold = (...texts) => texts.join("\n").toLowerCase();
    const resource = (arn, r) => {
      const tags = Object.entries(this.tags[r] ?? {}).map(([key, value]) => `${key}=${value}`);
      return fold(arn, this.id[r], this.name[r], this.types[this.typeOf[r]], ...tags);
    };
    this.folded ??= {
      rules: this.rules.map((rule) => fold(rule.id, rule.title, ...rule.controls)),
      resources: this.arn.map(resource),
      messages: this.messages.map((message) => fold(message)),
    };
    return this.folded;
  }

  /** For each word of the search, which rules, resources, messages and fingerprints hold it. */
  hits() {
    return this.text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
      const holds = (texts) => Uint8Array.from(texts, (text) => text.includes(word));
      const { rules, resources, messages } = this.haystacks;
      const prints = new Set();
      if (this.details && /^[0-9a-f]{8,}$/.test(word)) {
        this.details.fingerprints.forEach((print, i) => { if (print.startsWith(word)) prints.add(i); });
      }
      return { rules: holds(rules), resources: holds(resources), messages: holds(messages), prints };
    });
  }

  /** One pass finds what fits, and counts for every facet what choosing each of its values would show. */
  filter() {
    const { facets, ruleOf, resourceOf, messageOf, found } = this;
    const active = facets.filter((facet) => facet.chosen.size);
    for (const facet of facets) {
      facet.tally.fill(0);
      if (facet.values) {
        const fits = (own) => [own].flat().some((value) => facet.chosen.has(value));
        if (facet.chosen.size) facet.values.forEach((own, item) => { facet.mask[item] = fits(own); });
      } else {
        facet.mask.fill(0);
        for (const value of facet.chosen) facet.mask[value] = 1;
      }
    }
    const words = this.hits();
    const direct = facets.filter((facet) => !facet.values);
    const ruleHits = new Uint32Array(this.rules.length); // from which the facets that go by rule are counted
    const resourceHits = new Uint32Array(this.arn.length);
    let matches = 0;
    next: for (let i = 0; i < this.count; i++) {
      for (const hit of words) {
        const held = hit.rules[ruleOf[i]] || hit.resources[resourceOf[i]] || hit.messages[messageOf[i]];
        if (!held && !hit.prints.has(i)) continue next;
      }
      let missed = null;
      for (const facet of active) {
        if (facet.mask[facet.codes[i]]) continue;
        if (missed) continue next;
        missed = facet;
      }
      if (missed) {
        missed.tally[missed.codes[i]]++;
      } else {
        found[matches++] = i;
        ruleHits[ruleOf[i]]++;
        resourceHits[resourceOf[i]]++;
        for (const facet of direct) facet.tally[facet.codes[i]]++;
      }
    }
    for (const facet of facets) {
      if (facet.values && !facet.quiet) this.spread(facet, facet.codes === ruleOf ? ruleHits : resourceHits);
    }
    this.matches = matches;
  }

  /** Counts a facet's values from how often its rules or resources were found, or would have been. */
  spread({ counts, values, tally }, hits) {
    counts.fill(0);
    for (let item = 0; item < hits.length; item++) {
      const n = hits[item] + tally[item];
      if (!n) continue;
      const own = values[item];
      if (typeof own === "number") counts[own] += n;
      else for (const value of own) counts[value] += n;
    }
  }

  get keyOf() {
    return { rule: this.ruleOf, resource: this.resourceOf, service: this.serviceOf }[this.by];
  }

  /** Groups what fits by rule or by resource, the worst first; a group's findings stand together in `members`. */
  group() {
    const { found, matches, keyOf, statusOf, severityOf } = this;
    const size = { rule: this.rules, resource: this.arn, service: this.services }[this.by].length;
    const kinds = this.statuses.length;
    const scale = [2 ** 42, 2 ** 31, 2 ** 20, 2 ** 10, 1]; // one critical outweighs two thousand high ones, and so on
    const ends = new Uint32Array(size + 1);
    for (let n = 0; n < matches; n++) ends[keyOf[found[n]] + 1]++;
    for (let k = 0; k < size; k++) ends[k + 1] += ends[k];
    const next = ends.slice();
    const weight = new Float64Array(size);
    const statuses = new Uint32Array(size * kinds);
    const gravest = new Uint8Array(size).fill(255);
    this.members = new Uint32Array(matches);
    for (let n = 0; n < matches; n++) {
      const i = found[n];
      const k = keyOf[i];
      this.members[next[k]++] = i;
      statuses[k * kinds + statusOf[i]]++;
      gravest[k] = Math.min(gravest[k], severityOf[i]);
      if (this.isOpenFailure(i)) weight[k] += scale[severityOf[i]];
      else if (statusOf[i] === this.UNKNOWN) weight[k] += 2 ** -20;
    }
    this.groups = [];
    for (let k = 0; k < size; k++) {
      const from = ends[k];
      const to = ends[k + 1];
      if (from === to) continue;
      this.groups.push({ k, from, to, weight: weight[k], statuses: statuses.subarray(k * kinds, (k + 1) * kinds) });
    }
    this.groups.sort((a, b) => b.weight - a.weight || gravest[a.k] - gravest[b.k] || a.k - b.k);
  }
}
