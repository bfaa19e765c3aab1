// The page: what the address names is loaded, and each change of the state is drawn.
import { followJobs, loadVideos, openVideo, refresh } from "./actions.js";
import { Dialogs } from "./dialogs.js";
import { html, render } from "./html.js";
import { listenToKeys } from "./keys.js";
import { getState, onChange, say, setState } from "./store.js";
import { VideoList } from "./video_list.js";
import { VideoPage } from "./video_page.js";

function Page() {
  const state = getState();
  return html`
    ${state.id ? html`<${VideoPage} ...${state} />` : html`<${VideoList} ...${state} />`}
    <${Dialogs} dialog=${state.dialog} />
    <footer role="status" class=${state.message?.isError ? "error" : ""}>${state.message?.text}</footer>
  `;
}

const POLL_MILLISECONDS = 5000; // for jobs that another page began

const videoId = () => location.hash.match(/^#\/videos\/([0-9a-f]+)$/)?.[1] ?? null;

async function follow() {
  const { id: before, draft, dialog } = getState();
  const id = videoId();
  if (id === before) return;
  if (draft) {
    location.hash = `#/videos/${before}`;
    return say("save the face that is drawn (Enter), or discard it (Esc)", true);
  }
  dialog?.answer(null);
  setState({ id, video: null, message: null });
  followJobs();
  await (id ? openVideo(id) : loadVideos());
}

onChange(() => render(html`<${Page} />`, document.body));
listenToKeys();
addEventListener("beforeunload", (event) => getState().draft && event.preventDefault());
addEventListener("hashchange", follow);
addEventListener("focus", () => {
  if (getState().video || getState().id === null) refresh();
  followJobs();
});
addEventListener("unhandledrejection", ({ reason }) => say(`${reason}`, true));
setInterval(() => document.visibilityState === "visible" && followJobs(), POLL_MILLISECONDS);
follow();
