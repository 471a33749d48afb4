// The findings as data: columns, facets, search, filters, groups. Knows nothing of the page.

const LABELS = {
  fail: "Failed",
  unknown: "Not assessed",
  pass: "Passed",
  not_applicable: "Not applicable",
  open: "Open",
  suppressed: "Accepted",
};

/** Numbers for values: the distinct ones in order, and each value's place among them. */
function numbered(values) {
  const names = [...new Set(values)].sort();
  const places = new Map(names.map((name, place) => [name, place]));
  return [names, values.map((value) => places.get(value))];
}

class Findings {
  constructor(data) {
    const { rule, status, severity, resource, message, suppressed, ...texts } = data;
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

  makeFacets() {
    const [services, serviceOf] = numbered(this.rules.map((rule) => rule.id.split("-")[0]));
    const [categories, categoryOf] = numbered(this.rules.map((rule) => rule.category));
    const byRule = (codes) => this.ruleOf.map((r) => codes[r]);
    const byResource = (codes) => this.resourceOf.map((r) => codes[r]);
    const ids = this.rules.map((rule) => rule.id);
    const accepted = ["open", "suppressed"];
    return [
      { key: "status", label: "Status", names: this.statuses, codes: this.statusOf, words: true, open: true },
      { key: "severity", label: "Severity", names: this.severities, codes: this.severityOf, words: true, open: true },
      { key: "suppression", label: "Suppression", names: accepted, codes: this.isAccepted, words: true, open: true },
      { key: "service", label: "Service", names: services, codes: byRule(serviceOf), open: true },
      { key: "region", label: "Region", names: this.regions, codes: byResource(this.regionOf) },
      { key: "category", label: "Category", names: categories, codes: byRule(categoryOf), words: true },
      { key: "account", label: "Account", names: this.accounts, codes: byResource(this.accountOf) },
      { key: "rule", label: "Rule", names: ids, codes: this.ruleOf },
    ].map((facet) => ({
      ...facet,
      chosen: new Set(),
      counts: new Uint32Array(facet.names.length),
      mask: new Uint8Array(facet.names.length),
    }));
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

  title(r) {
    return this.name[r] || this.id[r];
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
    return LABELS[name] ?? (name ? name[0].toUpperCase() + name.slice(1) : "None");
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
    this.by = params.get("by") === "resource" ? "resource" : "rule";
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
      facet.counts.fill(0);
      facet.mask.fill(0);
      for (const value of facet.chosen) facet.mask[value] = 1;
    }
    const words = this.hits();
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
        missed.counts[missed.codes[i]]++;
      } else {
        found[matches++] = i;
        for (const facet of facets) facet.counts[facet.codes[i]]++;
      }
    }
    this.matches = matches;
  }

  get keyOf() {
    return this.by === "rule" ? this.ruleOf : this.resourceOf;
  }

  /** Groups what fits by rule or by resource, the worst first; a group's findings stand together in `members`. */
  group() {
    const { found, matches, keyOf, statusOf, severityOf } = this;
    const size = this.by === "rule" ? this.rules.length : this.arn.length;
    const kinds = this.statuses.length;
    const scale = [2 ** 42, 2 ** 31, 2 ** 20, 2 ** 10, 1]; // one critical outweighs two thousand high ones, and so on
    const ends = new Uint32Array(size + 1);
    for (let n = 0; n < matches; n++) ends[keyOf[found[n]] + 1]++;
    for (let k = 0; k < size; k++) ends[k + 1] += ends[k];
    const next = ends.slice();
    const weight = new Float64Array(size);
    const statuses = new Uint32Array(size * kinds);
    this.members = new Uint32Array(matches);
    for (let n = 0; n < matches; n++) {
      const i = found[n];
      const k = keyOf[i];
      this.members[next[k]++] = i;
      statuses[k * kinds + statusOf[i]]++;
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
    this.groups.sort((a, b) => b.weight - a.weight || a.k - b.k);
  }
}
