// SPDX-License-Identifier: Apache-2.0
//
// Small pictures of a video below the player, to jump by. They come from the sprites that the origin makes: a WebVTT file
// whose cues name, for each stretch of time, a sheet and the place in it (`sprite-0.jpg#xywh=160,0,160,90`).

import { element, formatDuration } from './dom.mjs';

const scenesMax = 12;

/** The cues of a sprite index: `{ start, sheet, x, y, width, height }`, seconds and pixels; what is not one is left out. */
export function parseSprites(text, address) {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const time = /(?:(\d+):)?(\d\d):(\d\d\.\d{3})\s+-->/.exec(block);
    const place = /^(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\s*$/m.exec(block);
    if (!time || !place) return [];
    const [x, y, width, height] = place.slice(2).map(Number);
    const start = Number(time[1] ?? 0) * 3600 + Number(time[2]) * 60 + Number(time[3]);
    return [{ start, sheet: new URL(place[1], address).href, x, y, width, height }];
  });
}

/** Evenly spread, the first one included. */
function choose(cues) {
  const step = Math.max(1, cues.length / scenesMax);
  return cues.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

function sceneButton(cue, video) {
  const picture = element('span', { className: 'scene-picture' });
  picture.style.setProperty('width', `${cue.width}px`);
  picture.style.setProperty('height', `${cue.height}px`);
  picture.style.setProperty('background', `url("${cue.sheet}") -${cue.x}px -${cue.y}px`);
  const time = formatDuration(cue.start);
  const button = element(
    'button', { className: 'scene', type: 'button', 'aria-label': `Go to ${time}`, 'data-testid': 'scene' },
    picture, element('span', { className: 'scene-time' }, time));
  button.addEventListener('click', () => {
    video.currentTime = cue.start;
    video.focus({ preventScroll: true });
  });
  return button;
}

/** A row of buttons for `video`, or nothing when there are no sprites: they are a comfort, so no failure is shown. */
export async function scenes(video, spritesUrl, signal) {
  if (!spritesUrl) return null;
  try {
    const response = await fetch(spritesUrl, { signal });
    if (!response.ok) return null;
    const cues = choose(parseSprites(await response.text(), spritesUrl));
    if (cues.length < 2) return null;
    return element('div', { className: 'scenes', role: 'group', 'aria-label': 'Scenes' },
      ...cues.map((cue) => sceneButton(cue, video)));
  } catch {
    return null;
  }
}
