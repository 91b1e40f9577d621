/**
 * The shapes that the modules share. Nothing here runs.
 *
 * @typedef {"stopped" | "idle" | "starting" | "live" | "unreachable" | "privacy"} CameraState
 *
 * @typedef {object} Problem
 * @property {string} code    what went wrong, for programs
 * @property {string} [detail] the same as an English sentence
 *
 * @typedef {object} Camera    as `GET /api/v1/cameras/<id>` gives it; null where unknown
 * @property {string} id
 * @property {string} name
 * @property {CameraState} state
 * @property {string | null} source
 * @property {string | null} codec
 * @property {number | null} width   pixels
 * @property {number | null} height  pixels
 * @property {number | null} fps
 * @property {number | null} bitrate bits per second
 * @property {number | null} viewers
 * @property {number | null} drops
 * @property {number | null} delay_ms
 * @property {boolean} transcoded
 * @property {string | null} [trouble] what is wrong with it, an English sentence
 *
 * @typedef {object} Hello
 * @property {string} viewer
 * @property {Camera} camera
 * @property {RTCIceServer[]} ice_servers
 * @property {number | null} [ice_seconds] for how long they are good; null: without end
 * @property {"none" | "ready" | "missing"} [relay] missing: there should be a relay among them, and is none
 * @property {string[]} can
 * @property {boolean} [owner]
 * @property {Sound} [sound]
 *
 * @typedef {object} Sound     as docs/protocol.md describes it
 * @property {"microphone" | "camera" | "off"} source
 * @property {boolean} muted
 * @property {string | null} trouble what is wrong with the microphone, an English sentence
 * @property {Talk} talk
 *
 * @typedef {object} Talk
 * @property {boolean} possible whether there is a loudspeaker
 * @property {boolean} muted
 * @property {string | null} trouble what is wrong with the loudspeaker, an English sentence
 * @property {"full" | "half" | "none"} duplex half: the microphone is lowered while somebody talks; none: both sides at
 *   once, but nothing takes the echo out of the sound that the camera brings
 * @property {boolean} several whether several may talk at once
 * @property {{viewer: string, name: string}[]} talkers
 *
 * @typedef {"idle" | "connecting" | "live" | "reconnecting" | "stopped" | "privacy" | "unreachable" | "signed-out"
 *   | "busy" | "failed"} State
 *
 * @typedef {object} Picture   one picture that reached the screen, or at least was decoded
 * @property {number} at               when, on the clock of `performance.now()`
 * @property {number | null} captured  when it was captured, milliseconds on the camera's clock
 * @property {number | null} [received] when the browser had all of it, on the clock of `performance.now()`; null where it does
 *   not say
 *
 * @typedef {object} Session   what a transport is given to work with
 * @property {import("./signalling.js").Signalling} signalling
 * @property {import("./clock.js").CameraClock} clock
 * @property {boolean} sound whether sound is wanted from the beginning
 * @property {string | null} [latency] `smooth` or `low`; null: as the camera is set
 * @property {string} camera its id
 * @property {import("./identity.js").Identity} identity checks who answers
 *
 * One way for pictures to reach the page. It tells its story by events: `picture` (detail: Picture), `failed` (detail:
 * Problem), after which it is only good for `close`, `refused` (the browser wants a tap before it plays), `answered`
 * (detail: {viewer}, the id of this viewer among those who talk) and `closed`.
 * @typedef {EventTarget & {
 *   relayed?: boolean, // whether the pictures come over a relay
 *   start: (video: HTMLVideoElement, session: Session) => void,
 *   expect: (pictures: boolean) => void,
 *   speak: (track: MediaStreamTrack | null) => Promise<void>,
 *   close: () => void,
 * }} Transport
 *
 * One row of the ladder. `obstacle` says why this browser cannot use it, or null; `make` prepares what can be prepared
 * before the camera has answered.
 * @typedef {object} Rung
 * @property {string} name
 * @property {() => string | null} obstacle
 * @property {() => Transport} make
 */
export {};
