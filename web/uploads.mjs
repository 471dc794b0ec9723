// SPDX-License-Identifier: Apache-2.0
//
// Uploads: by button or by dropping files; one row each with a progress bar, going on while the page shows other views.

import { api, followVideo, sendFile } from './api.mjs';
import { element, formatBytes, icon, toast } from './dom.mjs';
import { withKey } from './key.mjs';
import { rungsText, statusText, timeLeft } from './library.mjs';

/** Files that are sent at the same time; more wait. */
const concurrentMax = 2;
/** How long a finished row stays. */
const doneMilliseconds = 8000;

const waiting = [];
let active = 0;

export function setUpUploads() {
  const input = document.getElementById('upload-input');
  document.getElementById('upload-button').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    addFiles(input.files);
    input.value = '';
  });
  setUpDrop();
  addEventListener('beforeunload', (event) => {
    if (active > 0) event.preventDefault();
  });
}

function setUpDrop() {
  const overlay = document.getElementById('drop');
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    overlay.hidden = false;
  });
  addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener('dragleave', (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    overlay.hidden = depth === 0;
  });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    overlay.hidden = true;
    addFiles(event.dataTransfer.files);
  });
}

function addFiles(files) {
  for (const file of files) waiting.push(makeRow(file));
  startNext();
}

function startNext() {
  while (active < concurrentMax && waiting.length > 0) {
    const row = waiting.shift();
    if (row.isCancelled) continue;
    active += 1;
    run(row).finally(() => {
      active -= 1;
      startNext();
    });
  }
}

function makeRow(file) {
  const panel = document.getElementById('uploads');
  const bar = element('progress', { max: 100, value: 0, 'aria-label': `Upload of ${file.name}` });
  const state = element('span', { className: 'upload-state', 'data-testid': 'upload-state' }, 'Waiting');
  const cancel = element('button', { className: 'icon-button', type: 'button', 'aria-label': `Cancel ${file.name}` }, icon('close'));
  const name = element('span', { className: 'upload-name', title: file.name }, file.name);
  const node = element('div', { className: 'upload', 'data-testid': 'upload-row' }, name, cancel, bar, state);
  panel.append(node);
  panel.hidden = false;
  const row = { file, bar, state, node, name, isCancelled: false, stop: () => {} };
  cancel.addEventListener('click', () => {
    row.isCancelled = true;
    row.stop();
    close(row);
  });
  return row;
}

function close(row) {
  row.node.remove();
  const panel = document.getElementById('uploads');
  panel.hidden = panel.childElementCount === 0;
}

/** `My_clip-2.mp4` -> `My clip-2`. */
function titleOf(file) {
  return file.name.replace(/\.[^.]+$/, '').replaceAll('_', ' ').trim().slice(0, 200) || 'Untitled';
}

async function run(row) {
  const { file } = row;
  let videoId;
  try {
    row.state.textContent = 'Starting';
    const { video, upload } = await withKey(() =>
      api.create({ title: titleOf(file), bytes: file.size, contentType: file.type || undefined }));
    videoId = video.id;
    notifyChanged();
    const started = performance.now();
    const sending = sendFile(upload, file, (sent) => showSent(row, sent, started));
    row.stop = sending.abort;
    if (row.isCancelled) sending.abort();
    await sending.promise;
    row.state.textContent = 'Finishing';
    await withKey(() => api.complete(videoId));
    notifyChanged();
    await showProcessing(row, videoId);
  } catch (error) {
    // A video whose file never came would stay in the list for ever.
    if (videoId && !row.isProcessing) api.remove(videoId).then(notifyChanged, () => {});
    if (error.name === 'AbortError') return close(row);
    row.node.classList.add('failed');
    row.state.textContent = error.message;
    toast(`${file.name}: ${error.message}`, 'error');
  }
}

function showSent(row, sent, started) {
  const seconds = (performance.now() - started) / 1000;
  const rate = seconds > 0.5 ? ` · ${formatBytes(sent / seconds)}/s` : '';
  row.bar.value = (sent / Math.max(1, row.file.size)) * 100;
  row.state.textContent = `${formatBytes(sent)} of ${formatBytes(row.file.size)}${rate}`;
}

function showProcessing(row, videoId) {
  row.isProcessing = true;
  row.node.classList.add('processing');
  row.bar.value = 0;
  row.state.textContent = 'Processing';
  // The upload itself is over: others may start while the transcoder works.
  const stop = followVideo(videoId, (video) => {
    row.bar.value = video.progressPercent;
    row.state.textContent = [
      statusText(video), timeLeft(video.secondsLeft), video.playable ? 'can be watched' : '',
    ].filter(Boolean).join(' · ');
    row.state.title = rungsText(video);
    if (video.playable && !row.isLinked) {
      row.isLinked = true;
      row.name.replaceChildren(
        element('a', { href: `/watch/${videoId}`, 'data-link': '', 'data-testid': 'upload-watch' }, row.name.textContent));
      notifyChanged();
    }
    if (video.status === 'READY') {
      row.node.classList.add('done');
      setTimeout(() => close(row), doneMilliseconds);
      notifyChanged();
    } else if (video.status === 'FAILED') {
      row.node.classList.add('failed');
      row.state.textContent = video.failureReason;
      notifyChanged();
    }
  });
  row.stop = stop;
}

/** Tells the list to look again. */
function notifyChanged() {
  dispatchEvent(new Event('spillway-changed'));
}
