// Every link and form works without this script. With it, what changes on the page is replaced in place, a little
// after the last letter that was typed, and the address follows.
"use strict";

const TYPING_PAUSE = 200; // milliseconds
const form = document.getElementById("draft-form");
let timer = 0;
let newest = 0; // number of the latest request: an answer that was overtaken is dropped

/** Fetch a page; null where it was refused, whose reason is then said, or where nobody answers. */
async function fetchPage(address) {
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok) return page;
    say(page.querySelector("[role=alert]").textContent);
  } catch {
    say("No answer. Is “challenge explore” still running?");
  }
  return null;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

/** Add, remove or raise the track of a link at once: the next click may come before the answer to this one. */
function step(link) {
  const { add, remove, up } = link.dataset;
  const before = form.elements.tracks.value.split(".").filter((each) => each);
  const kept = before.filter((each) => each !== add && each !== remove && each !== up);
  if (add) kept.push(add);
  if (before.includes(up)) kept.splice(Math.max(before.indexOf(up) - 1, 0), 0, up);
  form.elements.tracks.value = kept.join(".");
  update(addressOf(), history.pushState);
}

/** The address of what the form holds now. */
function addressOf() {
  const values = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...values]) if (!value) values.delete(name);
  return values.size ? `/?${values}` : "/";
}

async function update(address, remember) {
  clearTimeout(timer);
  const number = ++newest;
  const page = await fetchPage(address);
  if (!page || number !== newest) return;
  remember?.call(history, null, "", address);
  document.title = page.title;
  replaceParts(page);
  return page;
}

/** Put the parts of a page that change in place of the old ones; the focus stays in its row. */
function replaceParts(page) {
  const focused = document.activeElement;
  const part = focused.closest("[data-live]");
  const place = part ? [...part.querySelectorAll("a")].indexOf(focused) : -1;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
  showCopy();
  if (place < 0 || focused.isConnected) return;
  const links = part.querySelectorAll("a");
  (links[Math.min(place, links.length - 1)] || form.elements.words).focus();
}

async function toggleReason(link) {
  const row = link.closest("li");
  const reason = row.querySelector(".why");
  if (reason) reason.remove();
  else {
    const page = await fetchPage(link.href);
    if (page && !row.querySelector(".why")) row.append(page.querySelector(".why"));
  }
  link.setAttribute("aria-expanded", String(!!row.querySelector(".why")));
}

async function copy(id) {
  const text = document.getElementById(id);
  try {
    await navigator.clipboard.writeText(text.value);
    say(`${text.value.split("\n").length} URIs copied.`);
  } catch {
    text.closest("details").open = true;
    text.select();
    say("The browser does not let pages copy: the URIs are selected.");
  }
}

function showCopy() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

function follow(event) {
  const link = event.target.closest("[data-add], [data-remove], [data-up], [data-why], [data-copy]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if ("copy" in link.dataset) copy(link.dataset.copy);
  else if ("why" in link.dataset) toggleReason(link);
  else step(link);
}

/** What looks like a button is pressed by the space bar, too. */
function press(event) {
  if (event.key !== " " || !event.target.matches("a.button")) return;
  event.preventDefault();
  event.target.click();
}

async function goBack() {
  const page = await update(location.href);
  if (!page) return;
  for (const name of ["title", "words"]) form.elements[name].value = page.getElementById(name).value;
  form.elements.shuffled.checked = page.querySelector("[name=shuffled]").checked;
}

if (form) {
  showCopy();
  document.addEventListener("click", follow);
  document.addEventListener("keydown", press);
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => update(addressOf(), history.replaceState), TYPING_PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    update(addressOf(), history.replaceState);
  });
  addEventListener("popstate", goBack);
}
