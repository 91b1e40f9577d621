/**
 * The few HTTP calls of the page. Each answers with a status instead of throwing; status 0 means that nobody answered.
 */

/**
 * @param {string} id
 * @param {"start" | "stop" | ""} [action]
 * @returns {string}
 */
export function cameraPath(id, action = "") {
  return `/api/v1/cameras/${encodeURIComponent(id)}${action && `/${action}`}`;
}

/**
 * @param {string} id
 * @returns {string} the address of the live WebSocket, on this page's own host
 */
export function liveUrl(id) {
  const url = new URL(`${cameraPath(id)}/live`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/**
 * @param {string} id
 * @returns {Promise<{status: number, camera: import("./types.js").Camera | null}>}
 */
export async function readCamera(id) {
  const { status, body } = await send(cameraPath(id), "GET");
  return { status, camera: status === 200 ? body : null };
}

/**
 * @param {string} id
 * @param {"start" | "stop"} action
 * @returns {Promise<{status: number, code: string | null}>}
 */
export async function tellCamera(id, action) {
  const { status, body } = await send(cameraPath(id, action), "POST");
  return { status, code: body?.code ?? null };
}

/**
 * @param {string} path
 * @param {string} method
 * @param {unknown} [json] the body, if there is one
 * @returns {Promise<{status: number, body: any}>}
 */
export async function send(path, method, json) {
  try {
    /** @type {Record<string, string>} */
    const headers = { "X-Pi-Cam": "1", Accept: "application/json" };
    /** @type {RequestInit} */
    const request = { method, headers, cache: "no-store", signal: AbortSignal.timeout(15_000) };
    if (json !== undefined) {
      headers["Content-Type"] = "application/json";
      request.body = JSON.stringify(json);
    }
    const response = await fetch(path, request);
    const isJson = response.headers.get("Content-Type")?.includes("json");
    return { status: response.status, body: isJson ? await response.json() : null };
  } catch {
    return { status: 0, body: null };
  }
}
