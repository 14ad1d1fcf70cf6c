// The search, away from the page: fetches the few shards that a query touches and ranks them.
// One of two implementations of mcpreg.core.search; the other is Python's, tests hold them together.
"use strict";

const DIRECTORY = "/search/directory.json";
const SHARDS = "/search/shards/";

// --- words: mcpreg.core.search.words

const MAX_WORD = 40;
const MAX_TEXT = 4096;
const MARKS = /[\u0300-\u036f]/gu;
const SEPARATORS =
  /[\x00-\/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u02b9-\u02df\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u303d-\u303f\ud800-\uf8ff\ufe00-\ufe6f\ufff0-\uffff\u{1f000}-\u{1faff}\u{e0000}-\u{10ffff}]+/u;
const DENSE =
  "\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7a3\\u{20000}-\\u{323af}";
const RUNS = new RegExp(`[${DENSE}]+|[^${DENSE}]+`, "gu");
const IS_DENSE = new RegExp(`^[${DENSE}]`, "u");
const CAMEL = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;
const LETTERS = {
  "\u00df": "ss", "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0111": "d",
  "\u00f0": "d", "\u00fe": "th", "\u0142": "l", "\u0131": "i", "\u03c2": "\u03c3",
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");
const STOP_WORDS = new Set(
  ("a an and are as at be by for from how i in into is it its of on or that the this to via what " +
    "with you your").split(" "),
);

const folded = (text) => text.toLowerCase().replace(LETTER, (letter) => LETTERS[letter]);

// Lengths are in characters, as Python counts them, not in UTF-16 code units.
function cut(text, length) {
  return text.length <= length ? text : Array.from(text).slice(0, length).join("");
}

function spelled(text) {
  const plain = cut(text, MAX_TEXT).normalize("NFKD").replace(MARKS, "").normalize("NFC");
  const found = [];
  for (const chunk of plain.split(SEPARATORS)) {
    for (const run of chunk.match(RUNS) ?? []) {
      if (IS_DENSE.test(run)) {
        const letters = Array.from(folded(run));
        for (let at = 0; at < Math.max(1, letters.length - 1); at++) {
          found.push([letters.slice(at, at + 2).join("")]);
        }
        continue;
      }
      const parts = run.split(CAMEL);
      const whole = cut(folded(run), MAX_WORD);
      if (!whole) continue;
      found.push(
        parts.length === 1 ? [whole] : [whole, ...parts.map((part) => cut(folded(part), MAX_WORD))],
      );
    }
  }
  return found;
}

function stem(word) {
  if (word.length < 4 || !/^[\x00-\x7f]*s$/.test(word) || /(?:ss|us|is)$/.test(word)) return word;
  if (word.endsWith("ies") && word.length > 4) return `${word.slice(0, -3)}y`;
  return /(?:x|z|ch|sh|ss)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1);
}

const terms = (text) => spelled(text).flat().map(stem);

const compact = (text) => cut(spelled(text).map((word) => word[0]).join(""), 3 * MAX_WORD);

// --- numbers: mcpreg.core.search.scoring

const FULL = 100;
const RARITY = 1000;
const BEGINNING = 70;
const COVERED = 34;
const BONUSES = [["=", 10_000_000], ["~", 6_000_000], ["#", 5_000_000]]; // name, alias, tool

function rarity(documents, servers) {
  const among = Math.min(documents, servers);
  const value = Math.log(1 + (servers - among + 0.5) / (among + 0.5));
  return Math.max(1, Math.floor(RARITY * value + 0.5));
}

// --- shards: mcpreg.core.search.shards

const NAME = 24; // characters of a shard's file name
const NOTHING = { count: 0, ids: [], weights: [] };
const MARKED = /[=~#@\/]$/;

// The first position whose item is not before `wanted` (or, with `after`, is behind it).
function position(items, wanted, after) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle] < wanted || (after && items[middle] === wanted)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// What stands as differences to the one before.
function sums(steps) {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

class Table {
  constructor(parts, names) {
    this.parts = parts;
    this.names = parts.map((_, at) => names.slice(NAME * at, NAME * (at + 1)));
  }

  of(item) {
    return this.names[position(this.parts, item, true) - 1];
  }

  beginning(text, most) {
    const start = Math.max(0, position(this.parts, text, true) - 1);
    const end = position(this.parts, `${text}\uffff`, false);
    return this.names.slice(start, Math.min(end, start + most));
  }
}

class TermShard {
  constructor(body) {
    this.body = body;
    this.read = new Map();
  }

  at(at) {
    let found = this.read.get(at);
    if (!found) {
      const ids = sums(this.body.ids[at]);
      found = { count: this.body.counts[at], ids, weights: this.body.weights[at] };
      this.read.set(at, found);
    }
    return found;
  }

  postings(term) {
    const at = position(this.body.terms, term, false);
    return this.body.terms[at] === term ? this.at(at) : NOTHING;
  }

  beginning(text) {
    const found = [];
    let at = position(this.body.terms, text, false);
    for (; at < this.body.terms.length && this.body.terms[at].startsWith(text); at++) {
      if (!MARKED.test(this.body.terms[at])) found.push(at);
    }
    return found;
  }
}

function documents(columns) {
  const names = Object.keys(columns);
  const rows = columns.id.map((_, at) =>
    Object.fromEntries(names.map((name) => [name, columns[name][at]])),
  );
  return new Map(rows.map((row) => [row.id, row]));
}

// --- queries: mcpreg.core.search.query, whose steps are numbered the same

const MAX_WORDS = 10;
const MIN_BEGINNING = 2;
const MAX_BEGUN = 48;
const MAX_BEGUN_SHARDS = 2;

function parse(text) {
  const every = spelled(text);
  const telling = every.filter((word) => !STOP_WORDS.has(word[0]));
  const kept = (telling.length ? telling : every).slice(0, MAX_WORDS);
  const last = every.length ? every[every.length - 1][0] : "";
  const begun =
    !SEPARATORS.test(Array.from(text).pop() ?? "") && Array.from(last).length >= MIN_BEGINNING;
  const typing = begun && String(kept.at(-1)) === String(every.at(-1));
  return { spelled: kept, unfinished: typing ? last : "", compact: compact(text) };
}

function lookedUp(query) {
  const found = new Set(query.spelled.flat().map(stem));
  if (query.compact) for (const [mark] of BONUSES) found.add(query.compact + mark);
  return found;
}

function needed(query, index) {
  const found = new Set(Array.from(lookedUp(query), (term) => index.terms.of(term)));
  if (query.unfinished) {
    for (const name of index.terms.beginning(query.unfinished, MAX_BEGUN_SHARDS)) {
      found.add(name);
    }
  }
  found.delete(undefined);
  return found;
}

// The first `count` as (5) orders them: sorting thousands for the sake of ten is what takes longest.
function bestOf(found, count) {
  const behind = (a, b) => b[1] - a[1] || a[0] - b[0];
  const best = [];
  for (const item of found) {
    if (best.length === count && behind(item, best[count - 1]) > 0) continue;
    let at = best.length;
    while (at > 0 && behind(best[at - 1], item) > 0) at -= 1;
    best.splice(at, 0, item);
    if (best.length > count) best.pop();
  }
  return best;
}

// How many servers answer, and the first `count` of them: ids with scores.
function rank(query, index, shards, count) {
  const postings = (term) => shards.get(index.terms.of(term))?.postings(term) ?? NOTHING;

  function begun(text) {
    const found = [];
    for (const name of index.terms.beginning(text, MAX_BEGUN_SHARDS)) {
      const shard = shards.get(name);
      for (const at of shard.beginning(text)) found.push([shard.body.counts[at], shard, at]);
    }
    found.sort((a, b) => b[0] - a[0]);
    return found.slice(0, MAX_BEGUN).map(([, shard, at]) => shard.at(at));
  }

  function group(word, unfinished) {
    const exact = postings(stem(word));
    const scores = new Map();
    let worth = 0;
    if (unfinished) {
      const lists = begun(unfinished);
      const together = lists.reduce((sum, list) => sum + list.count, 0);
      worth = lists.length ? rarity(together, index.servers) : 0;
      const share = worth * BEGINNING;
      for (const { ids, weights } of lists) {
        for (let at = 0; at < ids.length; at++) {
          const score = Math.floor((share * weights[at]) / 100);
          if (score > (scores.get(ids[at]) ?? 0)) scores.set(ids[at], score);
        }
      }
    }
    if (exact.count) {
      worth = rarity(exact.count, index.servers);
      const { ids, weights } = exact;
      for (let at = 0; at < ids.length; at++) {
        scores.set(ids[at], Math.max(worth * weights[at], scores.get(ids[at]) ?? 0));
      }
    }
    return scores.size ? [{ worth, scores }] : [];
  }

  const groups = query.spelled.flatMap(([whole, ...parts], at) => { // (2)
    const found = group(whole, at === query.spelled.length - 1 ? query.unfinished : "");
    return found.length ? found : parts.flatMap((part) => group(part, ""));
  });
  const total = groups.reduce((sum, { worth }) => sum + worth, 0);
  const sums = new Map();
  for (const { worth, scores } of groups) { // (3)
    for (const [id, score] of scores) {
      const sum = sums.get(id);
      if (sum) {
        sum.score += score;
        sum.covered += worth;
      } else sums.set(id, { score, covered: worth });
    }
  }
  const found = new Map();
  for (const [id, { score, covered }] of sums) {
    if (covered * 100 >= total * COVERED) found.set(id, Math.floor((score * covered) / total));
  }
  if (query.compact) { // (4)
    for (const [mark, bonus] of BONUSES) {
      const { ids, weights } = postings(query.compact + mark);
      ids.forEach((id, at) => found.set(id, (found.get(id) ?? 0) + (bonus / FULL) * weights[at]));
    }
  }
  return { total: found.size, best: bestOf(found, count) }; // (5)
}

function why(query, row) {
  const wanted = new Set(query.spelled.flat().map(stem));
  let best = null;
  let most = 0;
  for (const [kind, names] of [["tool", row.tools], ["tag", row.tags]]) {
    for (const name of names) {
      if (kind === "tool" && query.compact && compact(name) === query.compact) return [kind, name];
      let count = 0;
      for (const term of new Set(terms(name))) {
        if (wanted.has(term) || (query.unfinished && term.startsWith(query.unfinished))) count++;
      }
      if (count > most) [best, most] = [[kind, name], count];
    }
  }
  return best;
}

// --- fetching, and answering the page

const loaded = new Map(); // name -> promise of a shard
let pending;

async function body(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

function directory() {
  pending ??= body(DIRECTORY).then((read) => {
    if (read.searchVersion !== 3) throw new Error("another version of the search index");
    return {
      servers: read.servers,
      terms: new Table(read.terms.parts, read.terms.names),
      documents: new Table(sums(read.documents.parts), read.documents.names),
    };
  });
  pending.catch(() => (pending = undefined));
  return pending;
}

function shard(name, read) {
  let found = loaded.get(name);
  if (!found) {
    found = body(`${SHARDS}${name}.json`).then(read);
    found.catch(() => loaded.delete(name));
    loaded.set(name, found);
  }
  return found;
}

async function all(names, read) {
  const wanted = Array.from(new Set(names));
  const found = await Promise.all(wanted.map((name) => shard(name, read)));
  return new Map(wanted.map((name, at) => [name, found[at]]));
}

// The `count` best from the one at `from`, and how many there are.
async function search(text, from, count) {
  const index = await directory();
  const query = parse(text);
  const shards = await all(needed(query, index), (read) => new TermShard(read));
  const { total, best } = rank(query, index, shards, from + count);
  const shown = best.slice(from);
  const rows = await all(shown.map(([id]) => index.documents.of(id)), documents);
  const results = shown.map(([id, score]) => {
    const row = rows.get(index.documents.of(id)).get(id);
    return { ...row, score, why: why(query, row) };
  });
  return { total, results };
}

async function answer({ id, text, from = 0, count = 10 }) {
  try {
    return { id, ...(await search(text, from, count)) };
  } catch {
    // A new publication may have taken away shards that the directory at hand still names.
    pending = undefined;
    try {
      return { id, ...(await search(text, from, count)) };
    } catch (error) {
      return { id, error: String(error) };
    }
  }
}

self.onmessage = async ({ data }) => {
  if (data.text === undefined) await directory().catch(() => {}); // wake up: someone may ask soon
  else self.postMessage(await answer(data));
};
