"""Every bound of the state machine, with its name and the reason for its value."""

from __future__ import annotations

from typing import Final

# --- transactions ---------------------------------------------------------------------
#: Bytes of one transaction. Hermes batches up to 180,000 B by default and 2 MiB when told.
TX_SIZE_BYTES_MAX: Final = 2_097_152
#: Messages in one transaction; Hermes sends at most 100.
TX_MESSAGES_MAX: Final = 1_000
#: Characters of a memo, as in the Cosmos SDK.
TX_MEMO_CHARACTERS_MAX: Final = 256
#: Signers of one transaction: all messages of a transaction share one.
TX_SIGNERS_MAX: Final = 1
#: Coins in one fee; Hermes names one, of amount zero.
TX_FEE_COINS_MAX: Final = 8

# --- bytes and integers -----------------------------------------------------------------
#: Bytes of one decoded message: twice a transaction, so that proofs and wrappers fit.
MESSAGE_SIZE_BYTES_MAX: Final = 4_194_304
#: Messages in one another; below the 64 levels down to which protobuf's library removes
#: unknown fields, so that none can hide deeper.
MESSAGE_DEPTH_MAX: Final = 60
#: Messages of types that contain themselves, and of types around these, in one message:
#: each costs a step to find its depth. A transaction has three; a million took 4 s.
MESSAGES_IN_CYCLES_MAX: Final = 1_000
#: Bytes of a chain id; CometBFT refuses longer ones in genesis files and headers.
CHAIN_ID_SIZE_BYTES_MAX: Final = 50
#: Protobuf's integers.
UINT32_MAX: Final = 2**32 - 1
UINT64_MAX: Final = 2**64 - 1
INT64_MAX: Final = 2**63 - 1
#: Amounts of claims, as ICS-20 and the Cosmos SDK bound them.
UINT256_MAX: Final = 2**256 - 1

# --- the application ------------------------------------------------------------------
#: Transactions, and signatures, that are remembered between CheckTx and the block: what
#: the mempool holds four times over, since those refused by it come and go meanwhile.
PREPARED_TXS_MAX: Final = 20_000
#: Sum of gas of one block unless genesis says otherwise: about two seconds of work.
BLOCK_GAS_MAX_DEFAULT: Final = 200_000_000
#: Bytes of one block unless genesis says otherwise; Hermes asks for at least 2.34 MB.
BLOCK_SIZE_BYTES_MAX_DEFAULT: Final = 4_194_304
#: Bytes of the key or request in one query.
QUERY_SIZE_BYTES_MAX: Final = 1_048_576
#: Gas that one query may use; bounds iterations asked for by strangers.
QUERY_GAS_MAX: Final = 50_000_000

# --- JSON that is hashed or signed ------------------------------------------------------
#: Levels of arrays and objects inside one another; business documents have about ten.
JSON_DEPTH_MAX: Final = 64

# --- payloads, vault, evidence -----------------------------------------------------------
#: Bytes of one document: plans of a building or a scan of a body; it passes in chunks.
PAYLOAD_SIZE_BYTES_MAX: Final = 268_435_456
#: Bytes of a JSON document that is split into fields: thousands of lines of an invoice.
#: It is in memory as a whole, and as Python values it takes up to twenty times as much.
PAYLOAD_FIELDS_SIZE_BYTES_MAX: Final = 4_194_304
#: Bytes of one evidence bundle: the payload twice (as disclosed, and to read) and proofs.
BUNDLE_SIZE_BYTES_MAX: Final = 67_108_864
#: Bytes of content that a bundle carries: a scanned contract. In base64, and once more to
#: read, it takes 37 MiB; what is larger is handed to a court beside its evidence.
BUNDLE_PAYLOAD_SIZE_BYTES_MAX: Final = 16_777_216
#: Entries of one bundle: a dozen headers and proofs for each zone and each refresh.
BUNDLE_ENTRIES_MAX: Final = 2_048
#: Bytes of an entry's name.
BUNDLE_NAME_BYTES_MAX: Final = 160
#: Bytes of one JSON entry other than the payload; a header with 500 validators has 300 KB.
BUNDLE_JSON_BYTES_MAX: Final = 4_194_304
#: Refreshes that a bundle keeps: one a year for half a century.
BUNDLE_ADDENDA_MAX: Final = 64
#: Bytes of a trust file; a genesis with many members fits.
TRUST_FILE_SIZE_BYTES_MAX: Final = 16_777_216

# --- members, records, grants, exchange, history ------------------------------------------
#: Characters of a member id, record type, purpose or another short name for machines.
NAME_CHARACTERS_MAX: Final = 64
#: Characters of a record id: room for a national invoice number with prefixes, or a UUID.
RECORD_ID_CHARACTERS_MAX: Final = 128
#: Characters of the id by which an exchange is traced: a UUID or a W3C trace parent fits.
REQUEST_ID_CHARACTERS_MAX: Final = 64
#: Bytes of a name or title for people: 85 Chinese characters.
TITLE_BYTES_MAX: Final = 256
#: Bytes of a reason, legal basis or terms: a paragraph, not a document.
TEXT_BYTES_MAX: Final = 1_024
#: Fields of one record; a full electronic invoice has fewer than 100.
FIELDS_MAX: Final = 256
#: Bytes of the name of a field.
FIELD_NAME_BYTES_MAX: Final = 128
#: Roles that one account or member can name: there are fewer kinds than this.
ROLES_MAX: Final = 16
#: Highest data level, the most sensitive.
LEVEL_MAX: Final = 4
#: Live grants of one holder to one reader for one purpose and one record or type: a
#: decision looks at each, so their number bounds its cost.
GRANTS_PER_SCOPE_MAX: Final = 16
#: Requests of one channel that wait for an officer; more would be a flood, not a queue.
WAITING_PER_CHANNEL_MAX: Final = 10_000
#: Waiting requests that one block refuses because their deadline passed.
DEADLINES_PER_BLOCK_MAX: Final = 100
#: Longest term that officers can be given, seconds: one year.
OFFICER_TERM_S_MAX: Final = 31_622_400
#: Bytes of an acknowledgement that an exchange reads: a decision with all its fields.
EXCHANGE_ACKNOWLEDGEMENT_BYTES_MAX: Final = 65_536
#: Levels of fields by light client that the rules of exchange name: one for each zone
#: that a zone is linked with, and more than there are.
CLIENT_LEVELS_MAX: Final = 256
#: Longest time that a grant lets a reader keep what it read, seconds: a century.
KEEPING_S_MAX: Final = 3_155_760_000
#: Live grants that hang on one consent: its withdrawal stops them all in its block.
GRANTS_PER_CONSENT_MAX: Final = 64
#: Versions of one consent: one a month for a lifetime.
CONSENT_VERSIONS_MAX: Final = 1_000
#: Seconds within which what a subject has signed is brought to the zone: a month.
STATEMENT_AGE_S_MAX: Final = 2_678_400
#: Seconds that the clock of who signs may be ahead of the zone's.
STATEMENT_AHEAD_S_MAX: Final = 600
#: Bytes of the salt in a subject's pseudonym, at least and at most.
SALT_BYTES_MIN: Final = 16
SALT_BYTES_MAX: Final = 64
#: Earlier versions that a hand-over lists one by one, the newest; all are under its root.
HAND_OVER_HISTORY_MAX: Final = 256
#: Bytes of an acknowledgement that a hand-over reads: a decision with a reason.
HAND_OVER_ACKNOWLEDGEMENT_BYTES_MAX: Final = 4_096
#: Standing permissions that one block ends because their term is over; the others follow
#: in the next blocks, and give nothing meanwhile.
TERMS_PER_BLOCK_MAX: Final = 100
#: Entries of a page that a query returns if it asks for no number.
PAGE_SIZE_DEFAULT: Final = 100
#: Entries of a page at most.
PAGE_SIZE_MAX: Final = 1_000
#: Entries that a query with a filter looks at before it ends the page.
PAGE_SCAN_MAX: Final = 10_000

#: Entries of a page in the manner of the Cosmos SDK: Hermes asks for everything at once
#: and then pages on.
SDK_PAGE_SIZE_MAX: Final = 10_000
#: Entries that one query in that manner walks over, counting included.
SDK_PAGE_SCAN_MAX: Final = 100_000

# --- members and governance ---------------------------------------------------------------
#: Members of a zone, removed ones among them: a tally walks over all. Whole national
#: programmes have some hundred.
MEMBERS_MAX: Final = 1_000
#: Accounts of one member, and of none, disabled ones among them: a change of roles walks
#: over all.
ACCOUNTS_PER_MEMBER_MAX: Final = 1_000
#: How long the first call for an emergency freeze waits for a second one, seconds: a day.
EMERGENCY_CALL_TERM_S: Final = 86_400
#: Calls of one organisation that wait at a time; more would be noise.
EMERGENCY_CALLS_PER_MEMBER_MAX: Final = 8
#: Proposals under vote in a zone at a time; each costs a tally at its deadline.
PROPOSALS_OPEN_MAX: Final = 100
#: Proposals of one member under vote, so that no member takes all the room.
PROPOSALS_OPEN_PER_MEMBER_MAX: Final = 8
#: Proposals under vote up to which a member may have several: the other half of the room
#: has one for each member that has none, so that a few cannot keep the others from
#: proposing.
PROPOSALS_OPEN_SHARED_MAX: Final = 50
#: Proposals kept after they ended, with their votes; the oldest go first.
PROPOSALS_ENDED_MAX: Final = 1_000
#: Messages of one proposal: people must be able to read what they vote on.
PROPOSAL_MESSAGES_MAX: Final = 16
#: Bytes of the messages of one proposal: a pack fits, and blocks carry several.
PROPOSAL_SIZE_BYTES_MAX: Final = 524_288
#: Gas that the messages of one proposal may use: a second of work, at its deadline.
PROPOSAL_GAS_MAX: Final = 50_000_000
#: Proposals whose deadline one block carries out; the others wait for the next block.
PROPOSALS_PER_BLOCK_MAX: Final = 4
#: Seconds for voting: at least one, for trials; at most a month.
VOTING_PERIOD_S_MIN: Final = 1
VOTING_PERIOD_S_MAX: Final = 2_592_000
#: Below this a vote cannot shorten the period, so that nobody is outvoted asleep: an hour.
VOTING_PERIOD_BY_VOTE_S_MIN: Final = 3_600
#: Least quorum: more than half of the weight, so that two decisions share a voter.
QUORUM_BP_MIN: Final = 5_001
#: Largest quorum and threshold: two thirds of the members can always decide, as two
#: thirds of the validators can always make blocks.
QUORUM_BP_MAX: Final = 6_666
THRESHOLD_BP_MIN: Final = 5_000
THRESHOLD_BP_MAX: Final = 6_666

# --- policies -----------------------------------------------------------------------------
#: Bytes of one expression: a page of text.
EXPRESSION_BYTES_MAX: Final = 4_096
#: Levels of an expression; each costs frames of the evaluator's stack.
EXPRESSION_DEPTH_MAX: Final = 32
#: Conditions kept as they were read and checked, since those in force recur.
EXPRESSIONS_KEPT: Final = 4_096
#: Rules of one policy; each is looked at until one decides.
POLICY_RULES_MAX: Final = 32
#: Steps that all rules of one policy take together at most: about 10 ms.
POLICY_COST_MAX: Final = 20_000
#: Record types with a policy in one zone, removed ones among them.
POLICIES_MAX: Final = 1_000
#: Versions of one policy in the history: one a month for eighty years.
POLICY_VERSIONS_MAX: Final = 1_000
#: Longest term for the review of an emergency, seconds: a quarter of a year.
REVIEW_TERM_S_MAX: Final = 7_948_800
#: Emergencies marked as overdue in one block; the others in the next.
OVERDUE_PER_BLOCK_MAX: Final = 100

# --- light clients --------------------------------------------------------------------
#: Validators of one set. Public chains have up to 200; each costs one signature check.
VALIDATORS_MAX: Final = 500
#: Voting power of one set, as in CometBFT, so that sums and priorities fit 64 bits.
VOTING_POWER_TOTAL_MAX: Final = (2**63 - 1) // 8
#: Bytes of a light client's header: two sets of 500 validators and a commit are 190 KB.
LIGHT_HEADER_SIZE_BYTES_MAX: Final = 262_144
#: Bytes of the proof of misbehaviour: two headers.
MISBEHAVIOUR_SIZE_BYTES_MAX: Final = 2 * LIGHT_HEADER_SIZE_BYTES_MAX + 1_024
#: Bytes of a client state or a consensus state; a usual one has 150.
CLIENT_STATE_SIZE_BYTES_MAX: Final = 16_384
#: Bytes of a header's app hash; 32 in practice, CometBFT sets no bound.
APP_HASH_SIZE_BYTES_MAX: Final = 64
#: Layers of a Merkle proof: a tree in a multistore makes two.
PROOF_SPECS_MAX: Final = 4
#: Parts of a client's upgrade path, one for each layer of a proof.
UPGRADE_PATH_MAX: Final = PROOF_SPECS_MAX
#: Characters of one part of an upgrade path.
UPGRADE_PATH_KEY_CHARACTERS_MAX: Final = 128
#: Bytes of one light block in JSON, read by the command line.
LIGHT_BLOCK_FILE_BYTES_MAX: Final = 4_194_304

# --- links: clients, connections, channels, packets -----------------------------------------
#: Bytes of a packet's data: 256 KiB, as IBC v2 fixes it and as fits a block many times.
PACKET_DATA_SIZE_BYTES_MAX: Final = 262_144
#: Bytes of an acknowledgement; it travels in one transaction with its proof.
ACKNOWLEDGEMENT_SIZE_BYTES_MAX: Final = 262_144
#: Bytes of one proof in a message; forty levels of both trees need under 8 KiB.
PROOF_SIZE_BYTES_MAX: Final = 65_536
#: Consensus states kept for one client; beyond, the oldest go before they expire. One
#: update in five seconds fills this in six days, one in 200 ms in five hours.
CONSENSUS_STATES_PER_CLIENT_MAX: Final = 100_000
#: Connections above one client; each writes the whole list of ids again.
CONNECTIONS_PER_CLIENT_MAX: Final = 64
#: Versions and features that a counterparty may offer; one version exists.
CONNECTION_VERSIONS_MAX: Final = 8
CONNECTION_FEATURES_MAX: Final = 8
#: Bytes of a version, feature or store prefix as text.
CONNECTION_TEXT_BYTES_MAX: Final = 128
#: Bytes of a channel's version; those of interchain accounts have about 300.
CHANNEL_VERSION_BYTES_MAX: Final = 4_096
#: Types of client that the parameter may list.
ALLOWED_CLIENTS_MAX: Final = 16
#: Sequences in one query about packets; Hermes asks for at most some thousands.
QUERY_SEQUENCES_MAX: Final = 10_000
#: Levels of arrays and objects in an acknowledgement that is read as JSON.
ACKNOWLEDGEMENT_DEPTH_MAX: Final = 32

# --- facts of other zones, anchors of logs ------------------------------------------------
#: Bytes of a value that is proven to this zone: the largest record header fits.
FACT_VALUE_SIZE_BYTES_MAX: Final = 65_536
#: Bytes of a value that a fact keeps; of a longer one it keeps the digest alone.
FACT_VALUE_KEPT_BYTES_MAX: Final = 4_096
#: Seconds for which facts may be usable: at least a minute, for trials; at most 90 days.
FACT_TERM_S_MIN: Final = 60
FACT_TERM_S_MAX: Final = 7_776_000
#: Anchors of one member in one block: a gateway has a few logs and anchors each in turn.
ANCHORS_PER_BLOCK_MAX: Final = 16
#: Lines under one anchored root: a proof of inclusion has at most 24 hashes.
ANCHOR_LINES_MAX: Final = 16_777_216
#: Seconds that the clock of a gateway may be ahead of the block that takes its anchor.
ANCHOR_CLOCK_DRIFT_S: Final = 60

# --- claims and transfers ---------------------------------------------------------------
#: Bytes of a transfer's memo, as in ibc-go.
TRANSFER_MEMO_BYTES_MAX: Final = 32_768
#: Bytes of a transfer's receiver, as in ibc-go.
TRANSFER_RECEIVER_BYTES_MAX: Final = 2_048
#: Bytes of a full denomination: a base of 128 and more than sixty hops.
TRANSFER_DENOM_BYTES_MAX: Final = 2_048
#: Light clients that may carry transfers; each stands for a zone that members decided on.
TRANSFER_CLIENTS_MAX: Final = 256

# --- the store --------------------------------------------------------------------------
#: Bytes of one key: LMDB takes 511; the longest key of IBC has about 270.
STORE_KEY_SIZE_BYTES_MAX: Final = 500
#: Tree nodes kept in memory, about 0.5 KB each with what hangs on them.
STORE_NODES_CACHED_MAX: Final = 300_000
#: Old nodes gathered before any is removed, so that a page loses several at once: 20 ms.
STORE_PRUNE_ROUND_NODES: Final = 50_000
#: Old versions after which a round begins with however few nodes.
STORE_PRUNE_ROUND_VERSIONS: Final = 1_000
#: Old nodes removed with each block at least: about 2 ms.
STORE_PRUNE_SLICE_NODES_MIN: Final = 1_000
#: Old versions forgotten with each block at most, after the number kept was lowered.
STORE_PRUNE_SLICE_VERSIONS_MAX: Final = 1_000

# --- proofs -----------------------------------------------------------------------------
#: Inner nodes above a leaf that any spec may allow: a sparse tree over 256-bit hashes.
PROOF_DEPTH_MAX: Final = 256
#: Children of one inner node that any spec may have; a hexary tree has 16.
PROOF_CHILDREN_MAX: Final = 16

# --- snapshots --------------------------------------------------------------------------
#: Bytes of one chunk: CometBFT carries at most 16 MB in one message, the Cosmos SDK 10.
SNAPSHOT_CHUNK_SIZE_BYTES: Final = 8_388_608
#: Chunks of one snapshot, 32 GiB: its metadata of 128 KiB fits CometBFT's 4 MB message.
SNAPSHOT_CHUNKS_MAX: Final = 4_096
#: Stores of one snapshot; a zone has about ten.
SNAPSHOT_STORES_MAX: Final = 64
#: Bytes of one value, or of one item beside the state: four transactions' worth.
SNAPSHOT_VALUE_SIZE_BYTES_MAX: Final = 8_388_608
#: Height of a tree: a balanced one of 2^40 leaves has at most 58.
SNAPSHOT_TREE_HEIGHT_MAX: Final = 64

# --- consensus, upgrades, packs ---------------------------------------------------------
#: Voting power of all validators together: half of what CometBFT takes, because it adds
#: the powers that a block sets before it takes away those that the block removes.
VALIDATORS_POWER_MAX: Final = VOTING_POWER_TOTAL_MAX // 2
#: Bytes of a block that members may decide on at least: the largest transaction, and all
#: evidence that one block carries; Hermes asks for 2.34 MB.
BLOCK_SIZE_BYTES_MAX_MIN: Final = 2_621_440
#: Bytes of a block that CometBFT carries at most.
BLOCK_SIZE_BYTES_MAX_LIMIT: Final = 104_857_600
#: Gas of a block at least: below it, proposals and proofs would no longer be carried out.
BLOCK_GAS_MAX_MIN: Final = 20_000_000
#: Gas of a block at most: about a hundred seconds of work.
BLOCK_GAS_MAX_LIMIT: Final = 10_000_000_000
#: Nanoseconds that validators answer for what they signed, at least: a minute, for trials.
UNBONDING_TIME_NS_MIN: Final = 60 * 1_000_000_000
#: The same at most, and if nothing is said: three weeks, as long as a zone takes evidence
#: unless its genesis says otherwise.
UNBONDING_TIME_NS_MAX: Final = 21 * 86_400 * 1_000_000_000
#: Proofs of misbehaviour that one validator's record keeps; it is suspended by the first.
MISBEHAVIOUR_ENTRIES_MAX: Final = 16
#: Validators whose misbehaviour is remembered, those that are gone included.
MISBEHAVIOUR_RECORDS_MAX: Final = 1_000
#: Names of packs in one zone: the seventeen fields, in some editions each.
PACKS_MAX: Final = 256
#: Versions of one pack in the history: one a month for eighty years.
PACK_VERSIONS_MAX: Final = 1_000
#: Each of the three numbers of a pack's version.
PACK_VERSION_NUMBER_MAX: Final = 999_999
#: Upgrades that a zone carries out: one a month for eighty years.
UPGRADES_MAX: Final = 1_000
#: Old consensus states removed when a client is recovered; the others go one by one.
RECOVERY_PRUNE_MAX: Final = 100

# --- removing old blocks ----------------------------------------------------------------
#: Old blocks removed with each new one at most, after the number kept was lowered: 2 ms.
BLOCKS_PRUNED_SLICE_MAX: Final = 20
#: Old transactions removed with each block at least: about 5 ms.
TXS_PRUNED_SLICE_MIN: Final = 100
