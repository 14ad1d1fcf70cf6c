// The search box: "/" goes there, results appear as you type, arrows walk through them.
// Without this file the form leads to the page that lists everything.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const FRAME = { class: "gauge", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": true };
const RING = "M1.250 8a6.750 6.750 0 1 1 13.500 0 6.750 6.750 0 0 1-13.500 0z";
const NO_GAUGE = "M5.200 8h5.600";
const GAUGES = {
  safe: "m5.200 8.200 2 2 3.600-4.100",
  low: "M8 8V3a5 5 0 0 1 5 5z",
  medium: "M8 3a5 5 0 0 1 0 10z",
  high: "M3 8a5 5 0 1 1 10 0 5 5 0 0 1-10 0z",
};
const PAGE = 10;
const WORKER = document.currentScript.dataset.worker;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// As marks.html draws it: the fuller the disc, the more the server could touch.
function gauge(safety) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries(FRAME)) svg.setAttribute(name, value);
  for (const shape of [RING, GAUGES[safety] ?? NO_GAUGE]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    if (!shape.endsWith("z") || shape === RING) path.setAttribute("fill", "none");
    svg.append(path);
  }
  return svg;
}

function level({ safety, locked }) {
  if (!GAUGES[safety]) return element("span", "level not-stated", gauge(), "not stated");
  if (locked) return element("span", `level ${safety}`, gauge(safety), safety);
  // Nothing holds it to that.
  return element("span", "level not-stated", gauge(safety), `declares ${safety}`);
}

function result(server) {
  const short = server.name.slice(server.name.indexOf("/") + 1);
  const link = element("a", "", element("bdi", "", server.title || short));
  link.href = `/servers/${server.name.toLowerCase()}/`;
  const name = element("p", "name", server.name);
  if (server.status !== "active") name.append(` · ${server.status}`);
  const met = server.why ? [` · ${server.why[0]} `, element("bdi", "", server.why[1])] : [];
  name.append(...met);
  return element(
    "li", "card",
    element("div", "head", element("h3", "", link), level(server)),
    name,
    element("p", "what", element("bdi", "", server.description)),
  );
}

// Asks the worker one question at a time; of those asked meanwhile, only the last.
class Asking {
  constructor(show) {
    this.show = show;
    this.number = 0;
  }

  start() {
    if (this.worker) return;
    this.worker = new Worker(WORKER);
    this.worker.onmessage = ({ data }) => this.answered(data);
    this.worker.onerror = () => this.answered({ id: this.number, error: "no worker" });
    this.worker.postMessage({}); // fetches the directory while the person still thinks
  }

  ask(text, from) {
    this.start();
    this.number += 1;
    this.waiting = { id: this.number, text, from, count: PAGE };
    if (!this.busy) this.send();
  }

  send() {
    this.busy = this.waiting;
    this.waiting = undefined;
    if (this.busy) this.worker.postMessage(this.busy);
  }

  answered(data) {
    if (this.busy && data.id === this.number) this.show(this.busy, data);
    this.send();
  }

  forget() {
    this.number += 1;
    this.waiting = undefined;
  }
}

class Results {
  constructor(place) {
    this.place = place;
    place.removeAttribute("aria-live"); // the count is announced, not every card
    this.totals = element("p", "totals");
    this.totals.setAttribute("role", "status");
    this.list = element("ul", "cards single");
    this.more = element("button", "more", "Show more");
    this.more.type = "button";
    this.more.hidden = true;
    this.none = element("p", "soft", "Other words may help: a tool's name, a publisher, a purpose. ");
    const all = element("a", "", "Look through all servers");
    all.href = "/browse/";
    this.none.append(all);
    place.append(element("h2", "unseen", "Search results"), this.totals, this.none);
    place.append(this.list, this.more);
  }

  show({ from, text }, { error, total, results }) {
    this.place.hidden = false;
    this.none.hidden = Boolean(error || total);
    if (error) {
      this.list.replaceChildren();
      this.more.hidden = true;
      this.totals.textContent = "The search index could not be loaded.";
      return;
    }
    const cards = results.map(result);
    if (from) this.list.append(...cards);
    else this.list.replaceChildren(...cards);
    if (from) cards[0]?.querySelector("a").focus();
    const shown = this.list.childElementCount;
    this.more.hidden = shown >= total;
    const plural = total === 1 ? "" : "s";
    const part = shown < total ? `, the best ${shown} shown` : "";
    this.totals.textContent = total
      ? `${total.toLocaleString("en")} server${plural}${part}`
      : `No server matches “${text.trim()}”.`;
  }

  get links() {
    return Array.from(this.list.querySelectorAll("h3 a"));
  }
}

function prepareSlash(input) {
  document.addEventListener("keydown", (event) => {
    const typing = /^(input|textarea|select)$/i.test(event.target.tagName ?? "");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
}

// Up and down walk from the box through the results and back; Escape returns to the box.
function prepareArrows(input, results) {
  function walk(event) {
    const stops = [input, ...results.links];
    const at = stops.indexOf(document.activeElement);
    if (at < 0) return;
    if (event.key === "Escape" && at > 0) input.focus();
    else if (event.key === "ArrowDown") stops[Math.min(at + 1, stops.length - 1)].focus();
    else if (event.key === "ArrowUp" && at > 0) stops[at - 1].focus();
    else return;
    event.preventDefault();
  }
  input.addEventListener("keydown", walk);
  results.list.addEventListener("keydown", walk);
}

function prepareSearch() {
  const input = document.getElementById("find");
  const place = document.getElementById("results");
  if (!input) return;
  prepareSlash(input);
  if (!place) return; // the form itself leads to the page that lists results
  const results = new Results(place);
  const asking = new Asking((question, found) => results.show(question, found));
  prepareArrows(input, results);

  function typed() {
    const wanted = input.value.trim() !== "";
    document.body.classList.toggle("searching", wanted);
    if (wanted) asking.ask(input.value, 0);
    else {
      asking.forget();
      place.hidden = true;
    }
    const query = wanted ? `?q=${encodeURIComponent(input.value)}` : location.pathname;
    history.replaceState(history.state, "", query); // so that going back finds the results again
  }

  input.addEventListener("focus", () => asking.start(), { once: true });
  input.addEventListener("input", typed);
  results.more.addEventListener("click", () => asking.ask(input.value, results.links.length));
  input.form.addEventListener("submit", (event) => {
    if (!input.value.trim()) return;
    event.preventDefault();
    results.links[0]?.focus();
  });
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) input.value = asked;
  if (input.value) typed();
}

prepareSearch();
