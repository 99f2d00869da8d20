// The page of one ticket: drafts that survive, files that upload at once, and word of what others do meanwhile.
// Without it every form works; files then go with the form.
"use strict";

const page = document.querySelector("article.ticket");
document.querySelector("[data-print]")?.toggleAttribute("hidden", false);
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());

// ---- Back: to the list that one came from, with its filters, also after several steps on the ticket ----------------------

function leadBack() {
  const from = document.referrer && new URL(document.referrer);
  if (from && from.origin === location.origin && /^\/desk(\/|$)/.test(from.pathname)) {
    sessionStorage.setItem("ticket-back", from.pathname + from.search);
  }
  const back = sessionStorage.getItem("ticket-back");
  if (back) for (const link of document.querySelectorAll("[data-back]")) link.href = back;
}

// ---- Drafts: per account, ticket and command, in this browser only; gone when sent, at log-out (work.js), after a week --

const DRAFT = "ticket-draft:";
const WEEK = 7 * 24 * 3600 * 1000;

function forget(which) {
  for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFT) && which(key)) localStorage.removeItem(key);
}

function keepDrafts(form, mine) {
  const key = `${mine}${form.dataset.command}`;
  const note = form.querySelector("[data-draft-note]");
  const fields = () => [...form.elements].filter((one) => one.name && /^(textarea|select-one|radio)$/.test(one.type));
  const held = JSON.parse(localStorage.getItem(key) ?? "null");
  if (held && form.dataset.filled === undefined) {
    for (const one of fields()) {
      if (!(one.name in held.typed)) continue;
      if (one.type === "radio") one.checked = held.typed[one.name] === one.value;
      else one.value = held.typed[one.name];
    }
    const drop = Object.assign(document.createElement("button"), { type: "button", className: "quiet small", textContent: "清空" });
    drop.addEventListener("click", () => {
      localStorage.removeItem(key);
      form.reset();
      note.hidden = true;
    });
    note.replaceChildren("已恢复上次没有提交的内容（只存在这台电脑上） ", drop);
    note.hidden = false;
  }
  form.addEventListener("input", () => {
    const typed = {};
    for (const one of fields()) if (one.type !== "radio" || one.checked) typed[one.name] = one.value;
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), typed }));
  });
}

// ---- Evidence: each file goes up when it is chosen or dropped, and can be taken out before the form is sent ------------

const TYPES = ["image/jpeg", "image/png", "image/webp", "application/pdf"];

function element(name, members = {}, ...children) {
  const made = Object.assign(document.createElement(name), members);
  made.append(...children);
  return made;
}

function preview(file) {
  if (!/^image\/(jpeg|png|webp)$/.test(file.type)) return element("span", { className: "paper", textContent: file.type === "application/pdf" ? "PDF" : "" });
  const image = element("img", { alt: "" });
  const reader = new FileReader();
  reader.addEventListener("load", () => { image.src = reader.result; });
  reader.readAsDataURL(file);
  return image;
}

function evidenceField(field) {
  const input = field.querySelector("input[type=file]");
  const list = field.querySelector(".pieces");
  const button = field.closest("form").querySelector(".actions button");
  const most = Number(page.dataset.most);
  const largest = Number(page.dataset.largest);
  let uploading = 0;

  function wait(by) {
    uploading += by;
    button.disabled = uploading > 0;
  }

  function refuse(told, text) {
    told.querySelector("progress")?.remove();
    told.append(element("span", { className: "error", textContent: text }));
  }

  function send(file, piece, told) {
    const bar = element("progress", { max: 1, value: 0 });
    bar.setAttribute("aria-label", `${file.name} 上传进度`);
    told.append(bar);
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/evidence");
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", page.dataset.csrf);
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", () => {
      const answer = request.response;
      if (request.status === 200 || request.status === 201) {
        bar.remove();
        const caption = element("input", { name: `caption-${answer.digest}`, maxLength: 200, placeholder: "说明（选填）" });
        caption.setAttribute("aria-label", `${file.name} 的说明`);
        told.append(element("input", { type: "hidden", name: "digest", value: answer.digest }), caption);
      } else {
        refuse(told, answer?.detail ?? "没有传上去，请检查网络后重试。");
      }
      wait(-1);
    });
    piece.cancel = () => request.abort();
    wait(1);
    request.send(file);
  }

  function take(files) {
    for (const file of files) {
      const told = element("div", { className: "told" }, element("span", { textContent: `${file.name}（${Math.max(1, Math.round(file.size / 1024))} kB）` }));
      const drop = element("button", { type: "button", className: "quiet small", textContent: "移除" });
      drop.setAttribute("aria-label", `移除 ${file.name}`);
      const piece = element("li", { className: "piece" }, preview(file), told, drop);
      drop.addEventListener("click", () => {
        piece.cancel?.();
        piece.remove();
        input.focus();
      });
      list.append(piece);
      if (list.querySelectorAll("[name=digest]").length + uploading >= most) refuse(told, `最多 ${most} 份。`);
      else if (!TYPES.includes(file.type)) refuse(told, "只收 JPG、PNG、WebP 图片和 PDF。");
      else if (file.size > largest) refuse(told, `超过 ${largest / 1024 / 1024} MB，请压缩或拍小一些。`);
      else send(file, piece, told);
    }
    input.value = "";
  }

  input.addEventListener("change", () => take([...input.files]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    field.addEventListener(kind, (event) => {
      event.preventDefault();
      field.classList.toggle("dropping", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files]);
    });
  }
  field.closest("form").addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take([...event.clipboardData.files]);
  });
}

// ---- Sending: once, however often the button is pressed ------------------------------------------------------------------

function sendOnce(form) {
  const button = form.querySelector(".actions button");
  form.addEventListener("submit", () => setTimeout(() => { button.disabled = true; }));
  window.addEventListener("pageshow", () => { button.disabled = false; });
}

// ---- News: what others did to this ticket while the page is open -------------------------------------------------------

function follow(bar) {
  let seen = Number(page.dataset.version);
  const says = [];
  async function look() {
    if (document.hidden) return;
    const answer = await fetch(`/tickets/${page.dataset.ticket}/news?since=${seen}`, { headers: { Accept: "application/json" } });
    if (answer.status === 401) {
      bar.textContent = "登录已过期。请在另一个窗口登录后再提交，已填写的内容不会丢失。";
      bar.hidden = false;
    }
    if (answer.status !== 200) return;
    const news = await answer.json();
    seen = news.version;
    says.push(...news.says);
    const again = element("a", { href: location.pathname + location.search, textContent: "看最新的" });
    bar.replaceChildren(element("span", { textContent: says.at(-1) }), again);
    bar.hidden = false;
  }
  const quietly = () => look().catch(() => {}); // away for a moment: the next look tells
  setInterval(quietly, 5000);
  document.addEventListener("visibilitychange", quietly);
}

if (page) {
  const account = `${DRAFT}${page.dataset.account}:`;
  const mine = `${account}${page.dataset.ticket}:`;
  forget((key) => !key.startsWith(account) || Date.now() - JSON.parse(localStorage.getItem(key)).at > WEEK);
  if (page.dataset.done) localStorage.removeItem(`${mine}${page.dataset.done}`);
  for (const form of document.querySelectorAll("form[data-command]")) {
    keepDrafts(form, mine);
    sendOnce(form);
  }
  for (const field of document.querySelectorAll("[data-evidence]")) evidenceField(field);
  leadBack();
  follow(document.querySelector("[data-news]"));
}
