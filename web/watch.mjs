// SPDX-License-Identifier: Apache-2.0
//
// One video: the player when it is ready, its progress before, its reason when it failed; renaming and deleting.

import { api, followVideo } from './api.mjs';
import { ask, element, formatAge, formatDuration, icon, toast } from './dom.mjs';
import { withKey } from './key.mjs';
import { rungsText, statusText, timeLeft } from './library.mjs';
import { play } from './player.mjs';
import { scenes } from './scenes.mjs';

const reportMilliseconds = 5000;
/** Nobody wants to come back to the last seconds: the video starts again. */
const endSeconds = 5;
const skipSeconds = 10;

/** Shows a video in `root`; returns what ends it. */
export function showWatch(root, id, go) {
  const abort = new AbortController();
  const ends = [() => abort.abort()];
  const stage = element('div', { className: 'stage' });
  const info = element('div', { className: 'info' });
  root.append(element('div', { className: 'watch' }, stage, info));

  let isPlaying = false;
  let player = null;
  let sizes = 0;
  function show(video) {
    document.title = `${video.title} · Spillway`;
    fillInfo(info, video, show, go);
    if (video.playable) {
      if (isPlaying) {
        // Players read the list of sizes once: more of them are there now.
        if (video.renditions.length > sizes) player?.reload();
        sizes = Math.max(sizes, video.renditions.length);
        return;
      }
      isPlaying = true;
      sizes = video.renditions.length;
      startPlayer(stage, video, abort.signal).then((started) => {
        player = started;
        if (abort.signal.aborted) started.end();
        else ends.push(started.end);
      });
    } else if (!isPlaying || video.status === 'FAILED') {
      showWaiting(stage, video);
    }
  }

  api.get(id, abort.signal).then((video) => {
    show(video);
    if (video.status === 'PROCESSING' || video.status === 'UPLOADING') ends.push(followVideo(id, show));
  }).catch((error) => {
    if (error.name === 'AbortError') return;
    stage.replaceChildren(notice('warning', error.status === 404 ? 'This video does not exist' : 'Something went wrong', error.message));
  });
  return () => ends.forEach((end) => end());
}

function notice(name, title, text, ...more) {
  return element('div', { className: 'notice', role: 'status' },
    icon(name), element('strong', {}, title), element('span', {}, text), ...more);
}

function showWaiting(stage, video) {
  if (video.status === 'FAILED') {
    stage.replaceChildren(notice('warning', 'This video could not be processed', video.failureReason));
    return;
  }
  const isProcessing = video.status === 'PROCESSING';
  const bar = element('progress', { max: 100, value: video.progressPercent, 'aria-label': 'Progress' });
  stage.replaceChildren(notice(
    'film', statusText(video),
    isProcessing ? 'It starts to play here as soon as its first seconds are ready.' : 'The file has not arrived yet.',
    isProcessing ? bar : null,
    isProcessing ? element('span', {}, [timeLeft(video.secondsLeft), rungsText(video)].filter(Boolean).join(' · ')) : null));
}

function fillInfo(info, video, show, go) {
  const badge = element('span', { className: `badge ${video.status.toLowerCase()}`, 'data-testid': 'status' }, statusText(video));
  const facts = [
    formatAge(video.createdAt),
    video.durationSeconds ? formatDuration(video.durationSeconds) : null,
    video.width ? `${video.width} × ${video.height}` : null,
  ].filter(Boolean).join(' · ');
  const title = element('h1', { className: 'watch-title', 'data-testid': 'title' }, video.title);
  const rename = element('button', { className: 'button quiet', type: 'button', 'data-testid': 'rename' }, icon('edit'), 'Rename');
  rename.addEventListener('click', () => editTitle(title, rename, video, show));
  const remove = element('button', { className: 'button quiet', type: 'button', 'data-testid': 'delete' }, icon('trash'), 'Delete');
  remove.addEventListener('click', () => confirmDelete(video, go));
  info.replaceChildren(
    element('div', { className: 'watch-head' }, title, element('div', { className: 'watch-actions' }, rename, remove)),
    element('p', { className: 'card-meta' }, badge, element('span', {}, facts)),
    ...(video.description ? [element('p', { className: 'description' }, video.description)] : []));
}

function editTitle(title, button, video, show) {
  const input = element('input', {
    className: 'title-input', value: video.title, maxLength: 200, 'aria-label': 'Title', 'data-testid': 'title-input',
  });
  title.replaceChildren(input);
  button.disabled = true;
  input.focus();
  input.select();
  let isDone = false;
  const finish = async (save) => {
    if (isDone) return;
    isDone = true;
    const text = input.value.trim();
    if (!save || !text || text === video.title) return show(video);
    try {
      show(await withKey(() => api.change(video.id, { title: text })));
    } catch (error) {
      if (error.name !== 'AbortError') toast(error.message, 'error');
      show(video);
    }
  };
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') finish(true);
    if (event.key === 'Escape') finish(false);
  });
  input.addEventListener('blur', () => finish(true));
}

async function confirmDelete(video, go) {
  document.getElementById('confirm-title').textContent = 'Delete this video?';
  document.getElementById('confirm-text').textContent =
    `“${video.title}” and all that was made of it will be gone. This can not be undone.`;
  if ((await ask(document.getElementById('confirm-dialog'))) !== 'yes') return;
  try {
    await withKey(() => api.remove(video.id));
    toast('The video was deleted.');
    go('/');
  } catch (error) {
    if (error.name !== 'AbortError') toast(error.message, 'error');
  }
}

/** Builds the player and starts it; the promise gives `end()` and `reload()`. */
async function startPlayer(stage, video, signal) {
  const node = element('video', {
    controls: true, playsInline: true, preload: 'auto', 'data-testid': 'player', 'aria-label': video.title,
    poster: video.posterUrl ? new URL(video.posterUrl).pathname : '', tabIndex: 0,
  });
  // Needed for segments from another origin to count as readable.
  node.crossOrigin = 'anonymous';
  if (video.width && video.height) node.style.setProperty('aspect-ratio', `${video.width} / ${video.height}`);
  const quality = element('select', { id: 'quality', disabled: true, 'data-testid': 'quality-menu' },
    element('option', { value: '-1' }, 'Auto'));
  const showing = element('span', { className: 'showing', 'data-testid': 'showing' });
  const alert = element('p', { className: 'player-error', role: 'alert', hidden: true });
  stage.replaceChildren(
    element('div', { className: 'frame' }, node), alert,
    element('div', { className: 'player-bar' }, showing, element('label', { for: 'quality' }, 'Quality'), quality));
  const fail = (sentence) => {
    alert.textContent = sentence;
    alert.hidden = false;
  };
  addShortcuts(node);
  const stopReports = reportPositions(node, video.id);
  try {
    const [playback, position] = await Promise.all([
      api.playback(video.id, signal), api.position(video.id, signal).catch(() => ({ positionSeconds: 0 })),
    ]);
    const last = position.positionSeconds;
    const isGrowing = video.status === 'PROCESSING';
    const start = !isGrowing && last > 1 && last < video.durationSeconds - endSeconds ? last : 0;
    const player = await play(node, playback.manifestUrl, start, isGrowing, {
      levels: (names) => fillQuality(quality, names),
      playing: (name) => { showing.textContent = name ? `Playing ${name}` : ''; },
      failed: fail,
    }, signal);
    quality.addEventListener('change', () => player.select(Number(quality.value)));
    scenes(node, playback.spritesUrl, signal).then((row) => {
      if (row && !signal.aborted) stage.append(row);
    });
    return {
      end() {
        stopReports();
        player.destroy();
      },
      reload: () => player.reload(),
    };
  } catch (error) {
    if (error.name !== 'AbortError') fail(error.message);
    return { end: stopReports, reload() {} };
  }
}

function fillQuality(quality, names) {
  quality.disabled = names.length === 0;
  quality.title = names.length === 0 ? 'This browser plays HLS by itself and chooses the quality alone.' : '';
  const options = names.map((name, index) => element('option', { value: String(index) }, name)).reverse();
  quality.replaceChildren(element('option', { value: '-1' }, 'Auto'), ...options);
}

/** Tells the origin how far it was watched: while it plays, on pause, and when the page goes away. */
function reportPositions(node, id) {
  let reported = -1;
  const report = (keepalive) => {
    const position = Math.round(node.currentTime * 10) / 10;
    if (!node.duration || position === reported) return;
    reported = position;
    api.reportPosition(id, position, keepalive).catch(() => {});
  };
  const timer = setInterval(() => {
    if (!node.paused) report(false);
  }, reportMilliseconds);
  const onPause = () => report(false);
  const onHide = () => report(true);
  node.addEventListener('pause', onPause);
  addEventListener('pagehide', onHide);
  return () => {
    report(true);
    clearInterval(timer);
    removeEventListener('pagehide', onHide);
  };
}

/** Space, arrows, M and F work wherever the focus is, but not while typing. */
function addShortcuts(node) {
  const onKey = (event) => {
    if (!node.isConnected) return removeEventListener('keydown', onKey);
    if (event.target.closest('input, select, button, dialog, a, video') || event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ' ': () => (node.paused ? node.play() : node.pause()),
      k: () => (node.paused ? node.play() : node.pause()),
      ArrowLeft: () => { node.currentTime = Math.max(0, node.currentTime - skipSeconds); },
      ArrowRight: () => { node.currentTime = Math.min(node.duration, node.currentTime + skipSeconds); },
      m: () => { node.muted = !node.muted; },
      f: () => (document.fullscreenElement ? document.exitFullscreen() : node.requestFullscreen()),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener('keydown', onKey);
}
