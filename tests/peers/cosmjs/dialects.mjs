// The lines of CosmJS that a zone is driven with, each with the parts that belong to it.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Name of a dialect to the package that holds it. */
const PACKAGES = { "0.39": "@cosmjs/stargate", "0.32": "stargate-0.32" };

/** Return CosmJS of one line: its stargate, proto-signing, tendermint-rpc and TxRaw. */
export function loadDialect(name) {
  const stargatePath = require.resolve(PACKAGES[name]);
  const inside = createRequire(stargatePath);
  return {
    stargate: inside(stargatePath),
    signing: inside("@cosmjs/proto-signing"),
    rpc: inside("@cosmjs/tendermint-rpc"),
    TxRaw: inside("cosmjs-types/cosmos/tx/v1beta1/tx").TxRaw,
    version: inside(stargatePath.replace(/build\/index\.js$/, "package.json")).version,
  };
}
