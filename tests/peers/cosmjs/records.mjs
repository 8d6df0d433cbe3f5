// Our messages for CosmJS' registry, read from the .proto files when the script runs.

import path from "node:path";
import protobuf from "protobufjs";

export const PUBLISH_URL = "/huitong.records.v1.MsgPublishRecord";
const FILE = "huitong/records/v1/records.proto";

/** Return the types to register, beside CosmJS' own. */
export async function recordTypes(protoFolder) {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => path.join(protoFolder, target);
  await root.load(FILE);
  return [[PUBLISH_URL, root.lookupType(PUBLISH_URL.slice(1))]];
}

/** Return the message that publishes a record, for CosmJS to encode. */
export function publication(signer, recordId) {
  return {
    typeUrl: PUBLISH_URL,
    value: {
      signer,
      recordId,
      recordType: "tax.invoice",
      payloadDigest: Uint8Array.from({ length: 32 }, (_, index) => index),
      fields: ["amount", "buyer", "seller"],
      level: 2,
      shareClass: 2,
    },
  };
}
