// Unpacks chromium with its libraries and fonts into the folder TMPDIR, which is where `inflate` puts things.
import { inflate } from "@sparticuz/chromium";

for (const part of ["al2023.tar.br", "fonts.tar.br", "chromium.br"]) {
  await inflate(`node_modules/@sparticuz/chromium/bin/${part}`);
}
