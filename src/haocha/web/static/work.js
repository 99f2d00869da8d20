// What every page of the workbench does: menus that close, filters whose address holds only what was chosen, drafts.
"use strict";

// ---- Menus: one open at a time; Escape and a click elsewhere close it --------------------------------------------

const menus = [...document.querySelectorAll("details[data-menu]")];
document.addEventListener("click", (event) => {
  for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus.filter((one) => one.open)) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// ---- Filters: fields left empty are not sent ----------------------------------------------------------------------

for (const form of document.querySelectorAll("form[data-filters]")) {
  form.addEventListener("formdata", (event) => {
    for (const name of new Set(event.formData.keys())) {
      const kept = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of kept) event.formData.append(name, value);
    }
  });
}

// ---- Drafts: what was typed into a form stays in this browser tab until it is sent, names and numbers not ------------

for (const form of document.querySelectorAll("form[data-draft]")) {
  const key = `draft:${form.dataset.draft}`;
  const fields = () => [...form.elements].filter((field) => field.name && !field.closest("[data-private]") && !["hidden", "file", "password", "submit"].includes(field.type));
  const held = JSON.parse(sessionStorage.getItem(key) ?? "{}");
  for (const field of fields()) {
    if (!(field.name in held) || form.dataset.filled !== undefined) continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = held[field.name].includes(field.value);
    else if (!field.value) field.value = held[field.name][0] ?? "";
  }
  form.addEventListener("input", () => {
    const typed = {};
    for (const field of fields()) {
      if ((field.type === "radio" || field.type === "checkbox") && !field.checked) typed[field.name] ??= [];
      else (typed[field.name] ??= []).push(field.value);
    }
    sessionStorage.setItem(key, JSON.stringify(typed));
  });
}
// A draft is forgotten once a page says that it was taken, not when it is sent: a refused one must come back.
for (const done of document.querySelectorAll("[data-draft-done]")) sessionStorage.removeItem(`draft:${done.dataset.draftDone}`);
// At log-out nothing that was typed stays behind: others sit at this computer too.
document.querySelector('form[action="/logout"]')?.addEventListener("submit", () => {
  sessionStorage.clear();
  localStorage.clear();
});
