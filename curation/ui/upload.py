"""Upload without holding anything in memory: the browser PUTs each file to the app's own route, which streams it
to disk. One component: drop files, a folder or an archive; it shows progress and then says where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from curation.ui import home

HTML = """
<div class="drop" role="group" aria-label="Upload">
  <div class="text"><b>Drop an archive, a folder or image files here</b><span class="state"></span></div>
  <div class="bar" hidden><i></i></div>
  <div class="row">
    <button type="button" class="files">Choose files</button>
    <button type="button" class="folder">Choose a folder</button>
    <button type="button" class="stop" hidden>Stop</button>
  </div>
  <input class="pick-files" type="file" multiple hidden>
  <input class="pick-folder" type="file" webkitdirectory hidden>
</div>
"""

CSS = """
.drop { border: 1.5px dashed var(--st-border-color); border-radius: 8px; padding: 16px; display: grid; gap: 10px;
  font: 0.95rem var(--st-font); color: var(--st-text-color); background: var(--st-secondary-background-color); }
.drop.over { border-color: var(--st-primary-color); }
.text { display: grid; gap: 2px; } .state { opacity: .75; font-size: .88rem; min-height: 1.2em; }
.state.bad { color: var(--st-red-text-color, #b3261e); opacity: 1; }
.row { display: flex; gap: 8px; }
button { font: inherit; padding: 5px 12px; border-radius: 6px; cursor: pointer; color: inherit;
  border: 1px solid var(--st-border-color); background: var(--st-background-color); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); outline: none; }
.bar { height: 6px; border-radius: 3px; background: var(--st-border-color); overflow: hidden; }
.bar i { display: block; height: 100%; width: 0; background: var(--st-primary-color); }
"""

JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const q = (s) => parentElement.querySelector(s);
  const drop = q(".drop"), state = q(".state"), bar = q(".bar"), fill = q(".bar i");
  const stop = q(".stop"), pickFiles = q(".pick-files"), pickFolder = q(".pick-folder");
  let running = null;
  const say = (text, bad) => { state.textContent = text; state.classList.toggle("bad", !!bad); };
  if (!drop.dataset.ready) say(data.hint);
  drop.dataset.ready = "1";

  const put = (file, path, onBytes, signal) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();  // fetch() reports no upload progress
    const url = `winnow/upload/${data.token}/` + path.split("/").map(encodeURIComponent).join("/");
    request.open("PUT", new URL(url, data.base || document.baseURI));
    request.setRequestHeader("X-Winnow", "upload");
    request.upload.onprogress = (event) => onBytes(event.loaded);
    request.onload = () => request.status === 201 ? resolve() : reject(new Error(
      (request.responseText.match(/"error":\s*"(.*)"/) || [])[1] || `error ${request.status}`));
    request.onerror = () => reject(new Error("the connection was lost"));
    request.onabort = () => reject(new Error("stopped"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });

  const send = async (files) => {  // [[File, relative path]]
    files = files.filter(([, path]) => !path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX"));
    if (!files.length || running) return;
    running = new AbortController();
    stop.hidden = false; bar.hidden = false;
    const total = files.reduce((sum, [file]) => sum + file.size, 0) || 1;
    const sent = new Array(files.length).fill(0);
    let next = 0, done = 0, sum = 0;
    const show = () => {
      fill.style.width = `${100 * sum / total}%`;
      say(`${done.toLocaleString()} of ${files.length.toLocaleString()} files, ` +
          `${(sum / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`);
    };
    const worker = async () => {
      while (next < files.length && !running.signal.aborted) {
        const at = next++;
        await put(files[at][0], files[at][1], (n) => { sum += n - sent[at]; sent[at] = n; show(); }, running.signal);
        sum += files[at][0].size - sent[at]; sent[at] = files[at][0].size; done++; show();
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(4, files.length) }, worker));
      say(`${files.length.toLocaleString()} files, ${(total / 1e6).toFixed(1)} MB uploaded`);
      setTriggerValue("done", { token: data.token, name: files[0][1], files: files.length });
    } catch (error) {
      running.abort();
      say(`Upload failed: ${error.message}. Choose the files again to retry.`, true);
    }
    running = null; stop.hidden = true;
  };

  const walk = async (entry, prefix) => {  // a dropped folder
    if (entry.isFile) return [[await new Promise((ok, no) => entry.file(ok, no)), prefix + entry.name]];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const batch = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!batch.length) break;
      for (const child of batch) found.push(...await walk(child, prefix + entry.name + "/"));
    }
    return found;
  };
  const picked = (input) => send([...input.files].map((f) => [f, f.webkitRelativePath || f.name]));
  q(".files").onclick = () => pickFiles.click();
  q(".folder").onclick = () => pickFolder.click();
  pickFiles.onchange = () => picked(pickFiles);
  pickFolder.onchange = () => picked(pickFolder);
  stop.onclick = () => running && running.abort();
  drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    send((await Promise.all(entries.map((entry) => walk(entry, "")))).flat());
  };
}
"""

_component = st.components.v2.component("winnow_upload", html=HTML, css=CSS, js=JS)

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
TABLES = (".csv", ".parquet", ".jsonl")


@dataclass(frozen=True)
class Uploaded:
    """What a person uploaded. path: the archive, table or array file itself, or the folder of the many files."""

    path: Path
    kind: str  # the source that reads it: archive, table, arrays or folder
    title: str


def upload(key: str) -> Uploaded | None:
    """Draw the drop zone; returns what was uploaded, once, in the rerun after the last byte arrived."""
    token = st.session_state.setdefault(f"{key}:token", home.new_upload())
    hint = "zip, tar, npz, csv, parquet, jsonl, or class folders of images"
    made = _component(key=key, data={"token": token, "hint": hint}, on_done_change=lambda: None)
    done = made.done
    if not done or done["token"] != token:
        return None
    st.session_state[f"{key}:token"] = home.new_upload()
    folder = home.upload_folder(token)
    files = [p for p in folder.iterdir() if not p.name.startswith(".")]
    if len(files) == 1 and files[0].is_file():
        name = files[0].name.lower()
        stem = files[0].name.split(".")[0]
        for kind, endings in (("archive", ARCHIVES), ("table", TABLES), ("arrays", (".npz",))):
            if name.endswith(endings):
                return Uploaded(files[0], kind, stem)
    top = files[0] if len(files) == 1 and files[0].is_dir() else folder
    return Uploaded(top, "folder", top.name if top != folder else "upload")
