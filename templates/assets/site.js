// Search as you type, copy buttons, "/" to search. Every page works without this file.
"use strict";

const LEVELS = ["safe", "low", "medium", "high"];
const SHOWN = 20;
let loading;

function catalog() {
  loading ??= fetch("/search/catalog.json")
    .then((response) => response.json())
    .then(({ fields, rows }) =>
      rows.map((row) => Object.fromEntries(fields.map((field, index) => [field, row[index]]))),
    );
  return loading;
}

// Every word must be found somewhere; where it is found decides the order.
function score(server, words) {
  const name = server.name.toLowerCase();
  const short = name.slice(name.indexOf("/") + 1);
  const title = server.title.toLowerCase();
  const tools = server.tools.toLowerCase().split(" ");
  const rest = `${server.description} ${server.tags}`.toLowerCase();
  let total = 0;
  for (const word of words) {
    let best = 0;
    if (short === word || title === word) best = 100;
    else if (tools.includes(word)) best = 60;
    else if (title.startsWith(word) || short.startsWith(word)) best = 50;
    else if (title.includes(word) || short.includes(word)) best = 40;
    else if (server.tags.split(" ").includes(word)) best = 30;
    else if (tools.some((tool) => tool.includes(word))) best = 20;
    else if (rest.includes(word) || name.includes(word)) best = 10;
    if (!best) return 0;
    total += best;
  }
  return total;
}

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function result(server) {
  const link = element("a", "", element("bdi", "", server.title || server.name.split("/")[1]));
  link.href = server.url;
  const level = server.safety;
  const head = element("div", "head", element("h3", "", link));
  if (LEVELS.includes(level)) {
    head.append(element("span", `level ${level}`, level));
  } else {
    head.append(element("span", "level not-stated", level || "not stated"));
  }
  const text = element("p", "what", element("bdi", "", server.description));
  const name = element("p", "name", server.name);
  if (server.status) name.append(` · ${server.status}`);
  return element("li", "card", head, name, text);
}

async function search(input, place) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  document.body.classList.toggle("searching", words.length > 0);
  place.hidden = words.length === 0;
  if (!words.length) return;
  const asked = input.value;
  let found;
  try {
    found = (await catalog())
      .map((server) => [score(server, words), server])
      .filter(([points]) => points > 0)
      .sort((a, b) => b[0] - a[0] || (a[1].name < b[1].name ? -1 : 1));
  } catch {
    loading = undefined;
    place.replaceChildren(element("p", "totals", "The search list could not be loaded."));
    return;
  }
  if (asked !== input.value) return;
  const plural = found.length === 1 ? "" : "s";
  const list = element("ul", "cards single", ...found.slice(0, SHOWN).map(([, s]) => result(s)));
  const more = found.length > SHOWN ? `, the first ${SHOWN} shown` : "";
  const count = found.length ? `${found.length} server${plural}${more}` : "No server matches.";
  place.replaceChildren(
    element("h2", "unseen", "Search results"), element("p", "totals", count), list);
}

function prepareSearch() {
  const input = document.getElementById("find");
  const place = document.getElementById("results");
  if (!input) return;
  document.addEventListener("keydown", (event) => {
    const typing = /^(input|textarea|select)$/i.test(event.target.tagName ?? "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
  if (!place) return; // the form itself leads to the page that lists results
  input.addEventListener("focus", () => catalog().catch(() => {}), { once: true });
  input.addEventListener("input", () => search(input, place));
  input.form.addEventListener("submit", (event) => {
    if (!input.value.trim()) return;
    event.preventDefault();
    place.querySelector("a")?.focus();
  });
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) input.value = asked;
  if (input.value) search(input, place);
}

function prepareCopying() {
  if (!navigator.clipboard) return;
  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = element("button", "copy", "Copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    const frame = element("div", "copyable");
    block.replaceWith(frame);
    frame.append(block, button);
  }
}

prepareSearch();
prepareCopying();
