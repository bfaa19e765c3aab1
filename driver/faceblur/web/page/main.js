// The page: what the address names is loaded, and each change of the state is drawn.
import { loadVideos, openVideo } from "./actions.js";
import { Dialogs } from "./dialogs.js";
import { html, render } from "./html.js";
import { listenToKeys } from "./keys.js";
import { getState, onChange, setState } from "./store.js";
import { VideoList } from "./video_list.js";
import { VideoPage } from "./video_page.js";

function Page() {
  const state = getState();
  return html`
    ${videoId() ? html`<${VideoPage} ...${state} />` : html`<${VideoList} ...${state} />`}
    <${Dialogs} dialog=${state.dialog} />
    <footer role="status" class=${state.message?.isError ? "error" : ""}>${state.message?.text}</footer>
  `;
}

const videoId = () => location.hash.match(/^#\/videos\/([0-9a-f]+)$/)?.[1];

function follow() {
  setState({ video: null, message: null });
  if (videoId()) openVideo(videoId());
  else loadVideos();
}

onChange(() => render(html`<${Page} />`, document.body));
listenToKeys();
addEventListener("beforeunload", (event) => getState().draft && event.preventDefault());
addEventListener("hashchange", follow);
follow();
