// Fills the page of sources with how the last syncs ended. The documents under /status/ are written
// beside the signed tree and quote other people's errors: everything in them is text, never markup.
// `element` is the one of site.js, which is loaded first.
"use strict";

const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const RESULTS = new Map([["Ready", "pass"], ["Failed", "fail"], ["True", "pass"], ["False", "fail"]]);
const MOST = 100; // sources and conditions shown; more is nonsense
const LONGEST = 500; // characters of a message

function words(value) {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  // The same characters that the pages replace: they reverse or hide text.
  return text.slice(0, LONGEST).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

function moment(value) {
  const text = words(value);
  const time = element("time", "", text.replace("T", " ").replace(/Z$/, " UTC"));
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) time.dateTime = text;
  return time;
}

function fact(name, ...values) {
  return element("div", "", element("dt", "", name), element("dd", "", ...values));
}

function result(value) {
  const kind = RESULTS.get(value);
  return element("span", kind ? `result ${kind}` : "result", words(value));
}

async function read(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

function conditions(resource) {
  const found = resource?.status?.conditions;
  if (!Array.isArray(found)) return [];
  return found.slice(0, MOST).map((condition) =>
    fact(
      words(condition?.type),
      result(condition?.status),
      element("bdi", "", ` ${words(condition?.message || condition?.reason)} `),
      element("span", "soft", "since ", moment(condition?.lastTransitionTime)),
    ),
  );
}

function place(name) {
  const known = document.querySelector(`[data-source="${name}"]`); // NAME leaves nothing to escape
  if (known) return known;
  const heading = element("h2", "", name);
  heading.id = `source-${name}`;
  const made = element("section", "card", heading, element("p", "totals", "no servers yet"));
  made.setAttribute("aria-labelledby", heading.id);
  document.getElementById("sources").append(made);
  return made;
}

async function show(source) {
  const list = element(
    "dl",
    "facts",
    fact("Last sync", source.lastSyncTime ? moment(source.lastSyncTime) : "never"),
    fact("State", result(source.phase), element("bdi", "", ` ${words(source.message)}`)),
  );
  if (source.syncAttempts > 0) list.append(fact("Failed attempts", words(source.syncAttempts)));
  place(source.name).append(list);
  const resource = await read(`/status/${source.name}.json`).catch(() => undefined);
  list.append(...conditions(resource));
}

async function fill() {
  const note = document.getElementById("syncs");
  try {
    const index = await read("/status/index.json");
    const sources = Array.isArray(index?.sources) ? index.sources : [];
    const named = sources
      .filter((source) => typeof source?.name === "string" && NAME.test(source.name))
      .slice(0, MOST);
    await Promise.all(named.map(show));
    note.textContent = named.length ? "" : "No sync is on record.";
  } catch {
    note.textContent = "No sync is on record.";
  }
}

fill();
