// Runs the page's real search worker in node: JSON questions on stdin, JSON answers on stdout.
//   node search_node.cjs WORKER SITE < {"queries": […], "texts": […], "repeat": N, "visits": true}
// `answers` are the worker's to each query, `words` what it makes of each text, `times` how many ms
// each query took, N times over. With `visits` every query is also the first of a new visit, and
// `visits` says what it fetched: rounds of paths, each of which waited for the round before.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const [worker, site] = process.argv.slice(2);
const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const script = new vm.Script(fs.readFileSync(worker, "utf8"), { filename: worker });
const soon = () => new Promise((done) => setTimeout(done, 1));

class Visit {
  constructor() {
    this.rounds = [];
    this.open = 0;
    const fetch = (url) => this.fetch(url);
    const self = { postMessage: (message) => this.settle(message) };
    this.context = vm.createContext({ self, fetch });
    script.runInContext(this.context);
  }

  async fetch(url) {
    if (this.open === 0) this.rounds.push([]); // nothing is under way: this waited for all before
    this.rounds.at(-1).push(url);
    this.open += 1;
    await soon(); // as long as the others of this round take
    this.open -= 1;
    const file = path.join(site, url);
    if (!fs.existsSync(file)) return { ok: false, status: 404 };
    return { ok: true, status: 200, json: async () => JSON.parse(fs.readFileSync(file, "utf8")) };
  }

  ask(text, count) {
    return new Promise((settle) => {
      this.settle = settle;
      this.context.self.onmessage({ data: { id: 1, text, from: 0, count } });
    });
  }
}

async function main() {
  const { queries = [], texts = [], repeat = 0, visits = false } = asked;
  const visit = new Visit();
  const body = { answers: [], times: [], visits: [], words: [] };
  for (const query of queries) body.answers.push(await visit.ask(query, 30));
  for (const query of visits ? queries : []) {
    const first = new Visit();
    await first.ask(query, 10);
    body.visits.push(first.rounds);
  }
  for (let turn = 0; turn < repeat; turn++) {
    for (const query of queries) {
      const began = performance.now();
      await visit.ask(query, 10);
      body.times.push(performance.now() - began);
    }
  }
  const words = vm.runInContext(
    "(text) => ({ spelled: spelled(text), terms: terms(text), compact: compact(text) })",
    visit.context,
  );
  body.words = texts.map(words);
  process.stdout.write(JSON.stringify(body));
}

main();
