// Drives a zone with CosmJS as a wallet does; prints what it was told as one JSON object.
//
//   node drive.mjs '{"dialect": "0.39", "rpc": "http://…", "mnemonic": "…", …}'
//
// A step that fails ends the script with its error and exit code 1.

import { loadDialect } from "./dialects.mjs";
import { publication, recordTypes } from "./records.mjs";

const FEE = { amount: [], gas: "500000" };
const TRANSFER_TIMEOUT_S = 3600;

const given = JSON.parse(process.argv[2]);
const { stargate, signing, rpc, TxRaw, version } = loadDialect(given.dialect);
const told = { version };

const wallet = await signing.DirectSecp256k1HdWallet.fromMnemonic(given.mnemonic, {
  prefix: given.prefix,
});
const [{ address }] = await wallet.getAccounts();
const registry = new signing.Registry([
  ...stargate.defaultRegistryTypes,
  ...(await recordTypes(given.protoFolder)),
]);
const client = await stargate.SigningStargateClient.connectWithSigner(given.rpc, wallet, {
  registry,
  broadcastPollIntervalMs: 200,
  gasPrice: stargate.GasPrice.fromString("0nofee"),
});

await readChain();
await publish();
await meetErrors();
if (given.channel) {
  await readLink();
  await transfer();
}
client.disconnect();
// CosmJS leaves the timer of a refused broadcast running, a minute long.
setTimeout(() => process.exit(), 0);
console.log(JSON.stringify(told, (_key, value) => (typeof value === "bigint" ? String(value) : value)));

async function readChain() {
  told.chainId = await client.getChainId();
  told.height = await client.getHeight();
  told.account = await client.getAccount(address);
  told.block = await client.getBlock(told.height);
  const comet = await rpc.connectComet(given.rpc);
  const validators = await comet.validatorsAll(told.height);
  told.validators = validators.validators.length;
  told.comet = comet.constructor.name;
  comet.disconnect();
  told.balances = await client.getAllBalances(address);
}

async function publish() {
  const first = publication(address, `${given.recordId}-1`);
  told.simulatedGas = await client.simulate(address, [first], "");
  const done = await client.signAndBroadcast(address, [first], FEE, "by CosmJS");
  stargate.assertIsDeliverTxSuccess(done);
  told.published = { hash: done.transactionHash, responses: done.msgResponses.length };
  told.autoFee = await publishWithSimulatedFee();
  told.found = summary(await client.getTx(done.transactionHash));
  const query = [
    { key: "message.sender", value: address },
    { key: "message.action", value: first.typeUrl },
  ];
  told.searched = (await client.searchTx(query)).map(summary);
  told.searchedByText = (
    await client.searchTx(`tx.height=${done.height}`)
  ).map(summary);
  told.absent = await client.getTx("00".repeat(32));
}

async function publishWithSimulatedFee() {
  const message = publication(address, `${given.recordId}-2`);
  const done = await client.signAndBroadcast(address, [message], "auto");
  return { code: done.code, gasWanted: Number(done.gasWanted), gasUsed: Number(done.gasUsed) };
}

function summary(tx) {
  return {
    hash: tx.hash,
    code: tx.code,
    height: tx.height,
    events: tx.events.map((event) => event.type),
    gasUsed: Number(tx.gasUsed),
  };
}

async function meetErrors() {
  const unknown = given.unknownAddress;
  told.unknownAccount = await client.getAccount(unknown);
  told.unknownSequence = await failureOf(() => client.getSequence(unknown));
  const { accountNumber, sequence } = await client.getSequence(address);
  const signed = await client.sign(
    address,
    [publication(address, `${given.recordId}-3`)],
    FEE,
    "",
    { accountNumber, sequence: sequence + 7, chainId: told.chainId },
  );
  const bytes = TxRaw.encode(signed).finish();
  told.wrongSequence = await failureOf(() => client.broadcastTx(bytes));
  told.refusedMessage = summary(
    await client.getTx(
      (await client.signAndBroadcast(address, [publication(address, "")], FEE)).transactionHash,
    ),
  );
}

async function failureOf(call) {
  try {
    await call();
  } catch (error) {
    return {
      kind: error.constructor.name,
      isBroadcastTxError: error instanceof stargate.BroadcastTxError,
      code: error.code,
      codespace: error.codespace,
      message: error.message,
    };
  }
  return null;
}

async function readLink() {
  const comet = await rpc.connectComet(given.rpc);
  const query = stargate.QueryClient.withExtensions(comet, stargate.setupIbcExtension);
  const { channel, connection, client: clients, transfer: ics20 } = query.ibc;
  const found = await channel.channel("transfer", given.channel);
  const connectionId = found.channel.connectionHops[0];
  const end = await connection.connection(connectionId);
  const clientId = end.connection.clientId;
  told.link = {
    channels: (await channel.allChannels()).channels.map((each) => each.channelId),
    connections: (await connection.allConnections()).connections.map((each) => each.id),
    clients: (await clients.allStates()).clientStates.map((each) => each.clientId),
    counterparty: (await clients.stateTm(clientId)).chainId,
    consensus: (await clients.allConsensusStates(clientId)).consensusStates.length,
    ofChannel: (await channel.clientState("transfer", given.channel)).identifiedClientState.clientId,
    nextReceive: (await channel.nextSequenceReceive("transfer", given.channel)).nextSequenceReceive,
    absent: await failureOf(() => channel.channel("transfer", "channel-999")),
    params: await ics20.params(),
    denoms: Object.values(await ics20.allDenomTraces()).filter(Array.isArray).flat().length,
  };
  comet.disconnect();
}

async function transfer() {
  told.balance = await client.getBalance(address, given.denom);
  const timeout = Math.floor(Date.now() / 1000) + TRANSFER_TIMEOUT_S;
  const done = await client.sendIbcTokens(
    address,
    given.receiver,
    { denom: given.denom, amount: given.amount },
    "transfer",
    given.channel,
    undefined,
    timeout,
    FEE,
  );
  stargate.assertIsDeliverTxSuccess(done);
  const sent = done.events.find((event) => event.type === "send_packet");
  const attributes = Object.fromEntries(sent.attributes.map(({ key, value }) => [key, value]));
  const search = [
    { key: "send_packet.packet_src_channel", value: given.channel },
    { key: "send_packet.packet_sequence", value: attributes.packet_sequence },
  ];
  told.transfer = {
    hash: done.transactionHash,
    sequence: attributes.packet_sequence,
    found: summary(await client.getTx(done.transactionHash)),
    searched: (await client.searchTx(search)).map(summary),
    balanceAfter: await client.getBalance(address, given.denom),
  };
}
