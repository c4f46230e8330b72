/** The bearer token of this browser tab: gone when the tab closes, and never written to disk by this page. */
import { useSyncExternalStore } from "react";

const KEY = "lxbc-graph.token";
const listeners = new Set<() => void>();

export const token = (): string => sessionStorage.getItem(KEY) ?? "";

/** What HTTP sends as a header and a WebSocket as the payload of `connection_init`; empty without a token. */
export const credentials = (): Record<string, string> =>
  token() === "" ? {} : { Authorization: `Bearer ${token()}` };

/** Accepts what people paste: surrounding blanks and a leading "Bearer" are dropped. */
export function setToken(value: string): void {
  const bare = value.trim().replace(/^Bearer\s+/i, "");
  if (bare === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, bare);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useToken = (): string => useSyncExternalStore(subscribe, token);

/** Whose token it is and until when, as the token itself says; only the server knows whether that is true. */
export function holder(jwt: string): string {
  try {
    const payload = (jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub: string; exp: number };
    const until = new Date(claims.exp * 1000);
    return until < new Date() ? `${claims.sub}, expired` : `${claims.sub}, until ${until.toLocaleTimeString()}`;
  } catch {
    return jwt === "" ? "" : "not a token";
  }
}
