// What the pages do beyond plain forms: drop a file, show progress, ask without a reload.
// Without this script everything still works by forms and links.
"use strict";

const byId = (id) => document.getElementById(id);

function show(box, text) {
  box.textContent = text;
  box.hidden = !text;
}

async function send(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
  });
  const read = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(read.error || `The server answered ${answer.status}.`);
  return read;
}

const problemOf = (error) =>
  error instanceof TypeError ? "The server cannot be reached, or it broke off the upload." : error.message;

function upload(form) {
  const input = byId("document");
  const chosen = byId("chosen");
  const problem = byId("upload-problem");
  const button = form.querySelector("button");
  const most = Number(form.dataset.mostMb);
  const pick = () => {
    const file = input.files[0];
    chosen.textContent = file
      ? `${file.name}, ${(file.size / 1048576).toFixed(1)} MB`
      : "You can drop it here, too.";
    show(problem, file && file.size > most * 1048576 ? `The file is larger than ${most} MB.` : "");
  };
  input.addEventListener("change", pick);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        pick();
      }
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!problem.hidden && input.files[0].size > most * 1048576) return;
    button.disabled = true;
    button.textContent = "Reading…";
    show(problem, "");
    try {
      location.assign((await send(form)).location);
    } catch (error) {
      show(problem, problemOf(error));
      button.disabled = false;
      button.textContent = "Analyse";
    }
  });
}

function filter() {
  const hidden = [...document.querySelectorAll("#filters input:not(:checked)")].map((box) => box.value);
  for (const finding of document.querySelectorAll(".finding")) {
    finding.hidden = hidden.some((kind) => finding.classList.contains(kind));
  }
}

// Ask for progress, more slowly the longer nothing changes.
async function follow(box) {
  let pause = 400;
  while (["waiting", "running"].includes(box.dataset.state)) {
    await new Promise((done) => setTimeout(done, pause));
    const have = [...document.querySelectorAll(".analysis[data-done]")].map((part) => part.dataset.section);
    let read;
    try {
      const answer = await fetch(`${box.dataset.url}?have=${have.join(",")}`);
      if (answer.status === 404) return location.reload();
      if (!answer.ok) throw new Error("busy");
      read = await answer.json();
    } catch {
      pause = Math.min(pause * 2, 10000);
      continue;
    }
    const fresh = Object.entries(read.sections);
    pause = fresh.length ? 400 : Math.min(pause * 1.3, 4000);
    for (const [number, html] of fresh) {
      const part = document.querySelector(`.analysis[data-section="${number}"]`);
      if (!part) continue;
      part.innerHTML = html; // rendered and escaped by the server
      part.dataset.done = "";
    }
    byId("facts").innerHTML = read.facts;
    byId("bar").value = read.done;
    byId("progress-text").textContent = `Examining: ${read.done} of ${read.steps} steps`;
    box.dataset.state = read.state;
    filter();
  }
  box.hidden = true;
  byId("resume").hidden = !["failed", "stalled"].includes(box.dataset.state);
}

function ask(form) {
  const problem = byId("chat-problem");
  const button = form.querySelector("button");
  const messages = byId("messages");
  messages.scrollTop = messages.scrollHeight;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    show(problem, "");
    try {
      const read = await send(form);
      byId("chat-empty")?.remove();
      messages.insertAdjacentHTML("beforeend", read.html);
      form.question.value = "";
      messages.scrollTop = messages.scrollHeight;
    } catch (error) {
      show(problem, problemOf(error));
    }
    button.disabled = false;
    form.question.focus();
  });
}

if (byId("upload")) upload(byId("upload"));
if (byId("progress")) {
  byId("filters").hidden = false;
  byId("filters").addEventListener("change", filter);
  follow(byId("progress"));
}
if (byId("ask")) ask(byId("ask"));
