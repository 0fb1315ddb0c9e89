-- hold_watermark: Let nobody else move these watermarks until the transaction ends; new ones begin before the first record.
UNWIND $rows AS row
MERGE (w:Watermark {uid: row.uid})
ON CREATE SET w.log = row.log, w.topic = row.topic, w.partition = row.partition, w.position = -1
SET w.held = true
REMOVE w.held
RETURN w.position < 0 AS is_new;

-- hold_generation: Let nobody else begin a watermark, or make another generation count, until the transaction ends.
MATCH (g:Generation {uid: 'current'})
SET g.held = true
REMOVE g.held;

-- hold_watermarks: Let nobody move any watermark until the transaction ends.
MATCH (w:Watermark)
SET w.held = true
REMOVE w.held;

-- hold_user: Let nobody else write these users until the transaction ends.
UNWIND $rows AS row
MATCH (n:User {uid: row.uid})
SET n.held = true
REMOVE n.held;

-- hold_product: Let nobody else write these products until the transaction ends.
UNWIND $rows AS row
MATCH (n:Product {uid: row.uid})
SET n.held = true
REMOVE n.held;

-- hold_interest: Let nobody else write these interests until the transaction ends.
UNWIND $rows AS row
MATCH (n:Interest {uid: row.uid})
SET n.held = true
REMOVE n.held;

-- hold_shop: Let nobody else write these shops until the transaction ends.
UNWIND $rows AS row
MATCH (n:Shop {uid: row.uid})
SET n.held = true
REMOVE n.held;

-- the_generation: Which generation counts.
MATCH (g:Generation {uid: 'current'})
RETURN g.number AS number, g.format AS format, g.complete AS complete;

-- first_generation: Make a generation count if none does; it must be filled from the ledger.
MERGE (g:Generation {uid: 'current'})
ON CREATE SET g.number = $number, g.format = $format, g.complete = 0
MERGE (l:Generation {uid: 'latest'})
ON CREATE SET l.number = $number
RETURN g.number AS number, g.format AS format, g.complete AS complete;

-- new_generation: Take the number of a new generation.
MERGE (g:Generation {uid: 'latest'})
SET g.number = coalesce(g.number, 0) + 1
RETURN g.number AS number;

-- switch_generation: Make a filled generation count, unless a later one does.
MATCH (g:Generation {uid: 'current'})
WHERE g.number < $number
SET g.number = $number, g.format = $format, g.complete = 1
RETURN g.number AS number;
