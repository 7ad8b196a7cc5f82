"use strict";
// Works from a folder too: no file is read but by <script>, and nothing from elsewhere.

function stored(value) {
  try {
    if (value !== undefined) localStorage.setItem("theme", value);
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser that keeps nothing for pages from a folder
  }
}

const chosen = stored();
if (chosen) document.documentElement.dataset.theme = chosen;

function dark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function script(address) {
  return new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    tag.src = address;
    tag.onload = resolve;
    tag.onerror = reject;
    document.head.append(tag);
  });
}

let index; // made at the first look into the search field
async function searcher() {
  await Promise.all([script("libraries/minisearch.js"), script("search-words.js")]);
  const made = new MiniSearch({
    fields: ["heading", "page", "words"],
    storeFields: ["heading", "page", "file", "anchor"],
    searchOptions: { boost: { heading: 4, page: 2 }, prefix: true, fuzzy: 0.15, combineWith: "AND" },
  });
  made.addAll(window.courseWords);
  return made;
}

function line(hit) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = hit.file + (hit.anchor ? "#" + hit.anchor : "");
  link.textContent = hit.heading;
  const page = document.createElement("small");
  page.textContent = hit.page;
  link.append(page);
  item.append(link);
  return item;
}

function searching(field, found) {
  const close = () => (found.hidden = true);
  field.addEventListener("focus", () => (index ??= searcher()), { once: true });
  field.addEventListener("input", async () => {
    index ??= searcher();
    const made = await index;
    const wanted = field.value.trim();
    if (!wanted) return close();
    const hits = made.search(wanted).slice(0, 12);
    const nothing = document.createElement("li");
    nothing.textContent = "Nothing found.";
    found.replaceChildren(...(hits.length ? hits.map(line) : [nothing]));
    found.hidden = false;
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") found.querySelector("a")?.click();
    if (event.key === "ArrowDown") found.querySelector("a")?.focus();
  });
  found.addEventListener("keydown", (event) => {
    const row = document.activeElement.closest("li");
    if (event.key === "ArrowDown") row?.nextElementSibling?.querySelector("a")?.focus();
    if (event.key === "ArrowUp") (row?.previousElementSibling?.querySelector("a") ?? field).focus();
    if (event.key.startsWith("Arrow")) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("search")) close();
  });
  found.addEventListener("click", close);
}

document.addEventListener("DOMContentLoaded", () => {
  const theme = document.getElementById("theme");
  const name = () => (theme.textContent = dark() ? "Light" : "Dark");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    stored(document.documentElement.dataset.theme);
    name();
  });
  name();
  const menu = document.getElementById("menu");
  const contents = document.getElementById("contents");
  menu.addEventListener("click", () => {
    const open = contents.classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  });
  contents.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  searching(document.getElementById("search"), document.getElementById("found"));
});
