// Before the first paint of /browse/: who comes with a question is not shown the whole list first,
// and the index is on its way while the page is still read. The rest is in search.js.
"use strict";

if (new URLSearchParams(location.search).get("q")?.trim()) {
  const root = document.documentElement;
  root.classList.add("asked");
  // By then search.js has said so itself, or is not there: then the list is better than nothing.
  addEventListener("load", () => root.classList.remove("asked"));
  for (const path of [document.currentScript.dataset.worker, "/search/directory.json"]) {
    fetch(path).catch(() => {}); // for the browser's cache, where the worker finds it
  }
}
