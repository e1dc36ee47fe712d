// What the pages do beyond links and forms: keys, the viewer's own time, copying, and reading the content anew.
"use strict";

const byId = (id) => document.getElementById(id);
const say = (text) => {
  byId("said").textContent = text;
  clearTimeout(say.until);
  say.until = setTimeout(() => { byId("said").textContent = ""; }, 4000);
};

// ---- Times: UTC stands in the page; the viewer's own is put beside it.
const zone = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.dataset.local = "";
    time.title = `${day.format(at)}, ${zone.format(at)} here; ${at.toISOString()}`;
    if (time.classList.contains("brief")) continue;
    const here = document.createElement("span");
    here.className = "local";
    here.textContent = ` (${zone.format(at)})`;
    time.append(here);
  }
}

// ---- Rows: j and k move a mark, enter opens.
let at = -1;
const rows = () => [...document.querySelectorAll("main [data-open]")];
function mark(next) {
  const all = rows();
  if (all.length === 0) return;
  all[at]?.classList.remove("at");
  at = Math.max(0, Math.min(all.length - 1, next));
  all[at].classList.add("at");
  const link = all[at].querySelector("a[href]");
  (link ?? all[at]).focus({ preventScroll: true });
  all[at].scrollIntoView({ block: "nearest" });
}
const isTyping = (node) => node.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog[open]") !== null;

let awaited = false;
const places = { c: "/", o: "/overview", j: "/jobs" };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (isTyping(event.target)) event.target.blur();
    return;
  }
  if (isTyping(event.target)) return;
  if (awaited && places[event.key]) {
    location.href = places[event.key];
    return;
  }
  awaited = event.key === "g";
  const does = {
    j: () => mark(at + 1),
    k: () => mark(at - 1),
    "/": () => byId("find")?.select(),
    "?": () => byId("help")?.showModal(),
    p: () => byId("pause")?.click(),
    Enter: () => {
      if (event.target.closest("a, button, summary, label") || !rows()[at]) return false;
      location.href = rows()[at].dataset.open;
    },
  }[event.key];
  if (does && does() !== false) event.preventDefault();
});

// ---- Copying, and forms that may be sent once.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = byId(button.dataset.copy);
  let text = source?.textContent ?? "";
  try {
    if (button.dataset.from) text = await (await fetch(button.dataset.from)).text();
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("Your browser did not allow it: select the text, and copy it.");
  }
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// ---- Ticking all boxes at once.
document.addEventListener("change", (event) => {
  const all = event.target.closest?.("[data-all]");
  if (!all) return;
  for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
});

// ---- The content, read anew while nobody types, chooses or selects in it.
const pause = byId("pause");
let paused = sessionStorage.getItem("paused") === "yes";
function showPause() {
  if (!pause) return;
  pause.hidden = false;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Live refresh is paused: go on" : "Pause live refresh";
}
pause?.addEventListener("click", () => {
  paused = !paused;
  sessionStorage.setItem("paused", paused ? "yes" : "no");
  showPause();
  if (!paused) refresh();
});
const isBusy = () => {
  const main = byId("main");
  const chosen = main.querySelector("input:checked, details[open]") !== null || !getSelection().isCollapsed;
  return chosen || (document.activeElement !== document.body && main.contains(document.activeElement) && document.activeElement !== main && isTyping(document.activeElement));
};
function put(html) {
  const next = new DOMParser().parseFromString(html, "text/html");
  const main = next.getElementById("main");
  if (!main) return;
  const focused = rows().findIndex((row) => row.contains(document.activeElement));
  byId("main").replaceChildren(...main.childNodes);
  const time = next.querySelector("footer time");
  if (time) document.querySelector("footer time")?.replaceWith(time);
  localTimes(document);
  const all = rows();
  if (at >= 0 && all[at]) all[at].classList.add("at");
  if (focused >= 0) all[focused]?.querySelector("a[href]")?.focus({ preventScroll: true });
}
async function refresh() {
  if (paused || document.hidden || isBusy()) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok && !paused && !isBusy()) put(await answer.text());
    else if (!answer.ok) say("The console did not answer as expected; what you see is not new.");
  } catch {
    say("The console does not answer; what you see is not new.");
  }
}
const seconds = Number(document.body.dataset.refresh ?? 0);
if (seconds > 0) {
  showPause();
  setInterval(refresh, seconds * 1000);
}

// ---- A job, as the server tells of it.
const live = document.querySelector("[data-events]");
if (live) {
  const events = new EventSource(live.dataset.events);
  const panel = byId("live");
  events.addEventListener("job", (event) => {
    if (paused) return;
    const next = new DOMParser().parseFromString(event.data, "text/html");
    panel.replaceChildren(...next.body.childNodes);
    localTimes(panel);
  });
  events.addEventListener("closed", () => {
    events.close();
    location.reload();
  });
  events.onerror = () => say("The console does not answer; what you see is not new.");
  showPause();
}

const keys = byId("keys");
if (keys) {
  keys.hidden = false;
  keys.addEventListener("click", () => byId("help").showModal());
}
localTimes(document);
