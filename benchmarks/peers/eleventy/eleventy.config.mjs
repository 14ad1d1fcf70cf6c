// The same pages as ours: a page a server and a version (content/), and every list, cut at 60.
const PER_PAGE = 60;
const FACETS = ["kinds", "levels", "sources", "tiers", "states"];

function slices(kind, title, url, cards) {
  const total = Math.max(1, Math.ceil(cards.length / PER_PAGE));
  const at = (number) => (number === 1 ? url : `${url}page/${number}/`);
  return Array.from({ length: total }, (_, index) => ({
    kind,
    title,
    url: at(index + 1),
    count: cards.length,
    number: index + 1,
    total,
    cards: cards.slice(index * PER_PAGE, (index + 1) * PER_PAGE),
    before: index ? at(index) : null,
    after: index + 1 < total ? at(index + 2) : null,
  }));
}

function terms(servers, kind) {
  const found = new Map();
  for (const server of servers) {
    for (const value of server[kind]) {
      if (!found.has(value)) found.set(value, []);
      found.get(value).push(server.card);
    }
  }
  return [...found].map(([label, cards]) => ({
    label,
    cards,
    count: cards.length,
    url: `/${kind}/${encodeURIComponent(label.toLowerCase().replaceAll(" ", "-"))}/`,
  }));
}

let servers;
const all = (api) =>
  (servers ??= api
    .getFilteredByGlob("content/servers/**")
    .map((page) => page.data)
    .filter((data) => data.kind === "server"));

export default function (config) {
  config.addGlobalData("site", "Measured registry");
  config.addCollection("facets", (api) =>
    FACETS.map((name) => ({ name, terms: terms(all(api), name) })),
  );
  config.addCollection("slices", (api) => [
    ...slices("all", "All servers", "/browse/", all(api).map((server) => server.card)),
    ...[...FACETS, "publishers"].flatMap((kind) =>
      terms(all(api), kind).flatMap((term) => slices(kind, term.label, term.url, term.cards)),
    ),
  ]);
  // No engine before Markdown: a README may hold braces.
  return {
    dir: { input: "content", includes: "../_includes", output: "public" },
    markdownTemplateEngine: false,
  };
}
