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
