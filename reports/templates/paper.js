// Paper: a plain list of what the filters show, made when somebody prints. Stands on parts.js.

const PRINTED = 1000; // findings on paper

function onPaper({ data, findings, verdict, accepted }) {
  const { facets, statusOf, severityOf, resourceOf } = findings;
  const badge = severityBadge(data);

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
}
