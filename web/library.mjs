// SPDX-License-Identifier: Apache-2.0
//
// The list of videos: cards with poster and status, live while a video is in work.

import { api, followVideo } from './api.mjs';
import { element, formatAge, formatDuration, icon } from './dom.mjs';

const refreshMilliseconds = 5000;

/** `90` -> `2 min left`; nothing while it is not known. */
export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return '';
  return seconds < 60 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

/** How far each size is: `240p 80% · 720p 35%`. */
export function rungsText(video) {
  return video.rungs.map((rung) => `${rung.name} ${Math.floor(rung.progressPercent)}%`).join(' · ');
}

const statusTexts = { UPLOADING: 'Uploading', PROCESSING: 'Processing', READY: 'Ready', FAILED: 'Failed' };

/** What a status says to a person. */
export function statusText(video) {
  if (video.status === 'PROCESSING') {
    return video.progressPercent > 0 ? `Processing ${Math.floor(video.progressPercent)}%` : 'Processing';
  }
  return statusTexts[video.status] ?? video.status;
}

function thumbnail(video) {
  const frame = element('div', { className: 'thumb' });
  if (video.posterUrl) {
    frame.append(element('img', { src: new URL(video.posterUrl).pathname, alt: '', loading: 'lazy' }));
    frame.append(element('span', { className: 'thumb-play' }, icon('play')));
  } else {
    frame.append(element('span', { className: 'thumb-empty' }, icon(video.status === 'FAILED' ? 'warning' : 'film')));
  }
  if (video.durationSeconds) {
    frame.append(element('span', { className: 'thumb-duration' }, formatDuration(video.durationSeconds)));
  }
  if (video.status === 'PROCESSING') {
    const bar = element('span', { className: 'thumb-progress' });
    bar.style.setProperty('--done', `${video.progressPercent}%`);
    frame.append(bar);
  }
  return frame;
}

/** While the pointer or the focus is on a card, its preview plays over the poster. */
function addPreview(card) {
  const start = () => {
    const frame = card.querySelector('.thumb');
    if (!card.dataset.preview || !frame || frame.querySelector('video')) return;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const preview = element('video', {
      src: card.dataset.preview, muted: true, loop: true, autoplay: true, playsInline: true, tabIndex: -1,
      'aria-hidden': 'true', 'data-testid': 'preview',
    });
    preview.addEventListener('error', () => preview.remove());
    frame.querySelector('img')?.after(preview);
  };
  const end = () => card.querySelector('.thumb video')?.remove();
  card.addEventListener('pointerenter', start);
  card.addEventListener('pointerleave', end);
  card.addEventListener('focus', start);
  card.addEventListener('blur', end);
}

function fillCard(card, video) {
  if (video.previewUrl) card.dataset.preview = new URL(video.previewUrl).pathname;
  card.dataset.status = video.status;
  const badge = element(
    'span', { className: `badge ${video.status.toLowerCase()}`, 'data-testid': 'status' }, statusText(video));
  const details = video.renditions.length ? ` · ${video.renditions[video.renditions.length - 1]}` : '';
  card.replaceChildren(
    thumbnail(video),
    element('div', { className: 'card-text' },
      element('h2', { className: 'card-title', title: video.title }, video.title),
      element('p', { className: 'card-meta' }, badge,
        element('span', {}, `${formatAge(video.createdAt)}${details}`)),
      video.failureReason ? element('p', { className: 'card-reason' }, video.failureReason) : null));
}

/** Shows the library in `root`; returns what ends it. */
export function showLibrary(root) {
  document.title = 'Spillway';
  const abort = new AbortController();
  const cards = new Map();
  const followed = new Map();
  let cursor = null;
  let isLoaded = false;

  const heading = element('h1', { className: 'page-title' }, 'Videos');
  const grid = element('ul', { className: 'grid', 'data-testid': 'library' });
  const note = element('div', { className: 'empty', role: 'status' }, 'Loading…');
  const more = element('button', { className: 'button quiet more', type: 'button', hidden: true }, 'Show more');
  more.addEventListener('click', () => load(cursor));
  root.append(heading, grid, note, more);

  /** Makes or changes a card; with `index`, puts it there. */
  function show(video, index) {
    let card = cards.get(video.id);
    if (!card) {
      const link = element('a', {
        className: 'card', href: `/watch/${video.id}`, 'data-link': '', 'data-testid': 'video-card',
        'data-video': video.id,
      });
      const item = element('li', {}, link);
      addPreview(link);
      card = { link, item, state: '' };
      cards.set(video.id, card);
      grid.append(item);
    }
    if (index !== undefined && grid.children[index] !== card.item) grid.insertBefore(card.item, grid.children[index]);
    const state = JSON.stringify(video);
    if (card.state !== state) fillCard(card.link, video);
    card.state = state;
    follow(video);
  }

  function follow(video) {
    const isLive = video.status === 'PROCESSING';
    if (!isLive) {
      followed.get(video.id)?.();
      followed.delete(video.id);
    } else if (!followed.has(video.id)) {
      followed.set(video.id, followVideo(video.id, (current) => show(current)));
    }
  }

  function remove(id) {
    cards.get(id)?.item.remove();
    cards.delete(id);
    followed.get(id)?.();
    followed.delete(id);
  }

  async function load(from) {
    try {
      const page = await api.list(from, abort.signal);
      const isFirst = !from;
      page.videos.forEach((video, index) => show(video, isFirst ? index : undefined));
      // A refresh of the first page must not forget how far the list was loaded.
      if (!isFirst || !isLoaded) cursor = page.nextCursor;
      isLoaded = true;
      if (isFirst && !page.nextCursor) {
        const present = new Set(page.videos.map((video) => video.id));
        for (const id of [...cards.keys()]) if (!present.has(id)) remove(id);
      }
      more.hidden = !cursor;
      note.hidden = cards.size > 0;
      note.replaceChildren(
        icon('film'), element('strong', {}, 'No videos yet'),
        element('span', {}, 'Drop a file anywhere on this page, or press Upload.'));
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (cards.size === 0) note.replaceChildren(icon('warning'), element('span', { role: 'alert' }, error.message));
    }
  }

  load(null);
  const timer = setInterval(() => {
    if (!document.hidden) load(null);
  }, refreshMilliseconds);
  const reload = () => load(null);
  addEventListener('spillway-changed', reload);

  return () => {
    abort.abort();
    clearInterval(timer);
    removeEventListener('spillway-changed', reload);
    for (const stop of followed.values()) stop();
  };
}
