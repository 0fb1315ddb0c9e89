-- read_user: What users of these uids say.
UNWIND $uids AS uid
MATCH (n:User {uid: uid})
RETURN uid AS uid, n.facts AS facts;

-- create_user: Add users that are not there.
UNWIND $rows AS row
CREATE (:User {uid: row.uid, shop: row.shop, id: row.id, facts: row.facts});

-- set_user: Write users that are there, their names included (one may have been altered).
UNWIND $rows AS row
MATCH (n:User {uid: row.uid})
SET n.shop = row.shop, n.id = row.id, n.facts = row.facts;

-- delete_user: Remove users with all their edges.
UNWIND $uids AS uid
MATCH (n:User {uid: uid})
DETACH DELETE n;

-- present_user: Which users of these uids are there.
UNWIND $uids AS uid
MATCH (n:User {uid: uid})
RETURN uid AS uid;

-- ids_user: The ids of a shop's users.
MATCH (n:User)
WHERE n.shop = $shop
RETURN n.id AS id;

-- read_product: What products of these uids say.
UNWIND $uids AS uid
MATCH (n:Product {uid: uid})
RETURN uid AS uid, n.facts AS facts;

-- create_product: Add products that are not there.
UNWIND $rows AS row
CREATE (:Product {uid: row.uid, shop: row.shop, id: row.id, facts: row.facts, popular: 0, newcomers: 0.0, loyalty: 1.0});

-- set_product: Write products that are there, their names included (one may have been altered).
UNWIND $rows AS row
MATCH (n:Product {uid: row.uid})
SET n.shop = row.shop, n.id = row.id, n.facts = row.facts;

-- delete_product: Remove products with all their edges.
UNWIND $uids AS uid
MATCH (n:Product {uid: uid})
DETACH DELETE n;

-- present_product: Which products of these uids are there.
UNWIND $uids AS uid
MATCH (n:Product {uid: uid})
RETURN uid AS uid;

-- ids_product: The ids of a shop's products.
MATCH (n:Product)
WHERE n.shop = $shop
RETURN n.id AS id;

-- read_interest: What interests of these uids say.
UNWIND $uids AS uid
MATCH (n:Interest {uid: uid})
RETURN uid AS uid, n.kind AS kind, n.name AS name;

-- create_interest: Add interests that are not there.
UNWIND $rows AS row
CREATE (:Interest {uid: row.uid, shop: row.shop, id: row.id, kind: row.kind, name: row.name});

-- set_interest: Write interests that are there, their names included (one may have been altered).
UNWIND $rows AS row
MATCH (n:Interest {uid: row.uid})
SET n.shop = row.shop, n.id = row.id, n.kind = row.kind, n.name = row.name;

-- delete_interest: Remove interests with all their edges.
UNWIND $uids AS uid
MATCH (n:Interest {uid: uid})
DETACH DELETE n;

-- present_interest: Which interests of these uids are there.
UNWIND $uids AS uid
MATCH (n:Interest {uid: uid})
RETURN uid AS uid;

-- ids_interest: The ids of a shop's interests.
MATCH (n:Interest)
WHERE n.shop = $shop
RETURN n.id AS id;

-- read_shop: What shops of these uids say.
UNWIND $uids AS uid
MATCH (n:Shop {uid: uid})
RETURN uid AS uid, n.last_at AS last_at;

-- create_shop: Add shops that are not there.
UNWIND $rows AS row
CREATE (:Shop {uid: row.uid, shop: row.shop, last_at: row.last_at, parameters: '', refreshed_at: 0});

-- set_shop: Write shops that are there, their names included (one may have been altered).
UNWIND $rows AS row
MATCH (n:Shop {uid: row.uid})
SET n.shop = row.shop, n.last_at = row.last_at;

-- delete_shop: Remove shops with all their edges.
UNWIND $uids AS uid
MATCH (n:Shop {uid: uid})
DETACH DELETE n;

-- present_shop: Which shops of these uids are there.
UNWIND $uids AS uid
MATCH (n:Shop {uid: uid})
RETURN uid AS uid;

-- ids_shop: The ids of a shop's shops.
MATCH (n:Shop)
WHERE n.shop = $shop
RETURN n.shop AS id;

-- read_purchased: What PURCHASED edges from these sources to these targets say.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:PURCHASED]->(b:Product)
WHERE b.uid IN row.targets
RETURN row.source AS source, b.uid AS target, e.times AS times, e.quantity AS quantity, e.spend AS spend, e.refunded AS refunded, e.returned AS returned, e.currency AS currency;

-- create_purchased: Add PURCHASED edges that are not there.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})
MATCH (b:Product {uid: row.target})
CREATE (a)-[:PURCHASED {times: row.times, quantity: row.quantity, spend: row.spend, refunded: row.refunded, returned: row.returned, currency: row.currency}]->(b);

-- create_returned: Add PURCHASED edges of which only refunds are known so far (an empty list has no type).
UNWIND $rows AS row
MATCH (a:User {uid: row.source})
MATCH (b:Product {uid: row.target})
CREATE (a)-[:PURCHASED {quantity: row.quantity, spend: row.spend, refunded: row.refunded, returned: row.returned, currency: row.currency}]->(b);

-- delete_purchased: Remove PURCHASED edges from these sources to these targets.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:PURCHASED]->(b:Product)
WHERE b.uid IN row.targets
DELETE e;

-- rows_purchased: Every PURCHASED edge of a shop.
MATCH (a:User)-[e:PURCHASED]->(b:Product)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target, e.times AS times, e.quantity AS quantity, e.spend AS spend, e.refunded AS refunded, e.returned AS returned, e.currency AS currency;

-- read_interested: What INTERESTED_IN edges from these sources to these targets say.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:INTERESTED_IN]->(b:Interest)
WHERE b.uid IN row.targets
RETURN row.source AS source, b.uid AS target, e.stated AS stated, e.stated_stamp AS stated_stamp, e.observed AS observed, e.at AS at;

-- create_interested: Add INTERESTED_IN edges that are not there.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})
MATCH (b:Interest {uid: row.target})
CREATE (a)-[:INTERESTED_IN {stated: row.stated, stated_stamp: row.stated_stamp, observed: row.observed, at: row.at}]->(b);

-- delete_interested: Remove INTERESTED_IN edges from these sources to these targets.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:INTERESTED_IN]->(b:Interest)
WHERE b.uid IN row.targets
DELETE e;

-- rows_interested: Every INTERESTED_IN edge of a shop.
MATCH (a:User)-[e:INTERESTED_IN]->(b:Interest)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target, e.stated AS stated, e.stated_stamp AS stated_stamp, e.observed AS observed, e.at AS at;

-- read_reacted: What REACTED_TO edges from these sources to these targets say.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:REACTED_TO]->(b:Product)
WHERE b.uid IN row.targets
RETURN row.source AS source, b.uid AS target, e.views AS views, e.viewed_at AS viewed_at, e.wished_at AS wished_at, e.rating AS rating, e.rating_stamp AS rating_stamp, e.dismissed_at AS dismissed_at;

-- create_reacted: Add REACTED_TO edges that are not there.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})
MATCH (b:Product {uid: row.target})
CREATE (a)-[:REACTED_TO {views: row.views, viewed_at: row.viewed_at, wished_at: row.wished_at, rating: row.rating, rating_stamp: row.rating_stamp, dismissed_at: row.dismissed_at}]->(b);

-- delete_reacted: Remove REACTED_TO edges from these sources to these targets.
UNWIND $rows AS row
MATCH (a:User {uid: row.source})-[e:REACTED_TO]->(b:Product)
WHERE b.uid IN row.targets
DELETE e;

-- rows_reacted: Every REACTED_TO edge of a shop.
MATCH (a:User)-[e:REACTED_TO]->(b:Product)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target, e.views AS views, e.viewed_at AS viewed_at, e.wished_at AS wished_at, e.rating AS rating, e.rating_stamp AS rating_stamp, e.dismissed_at AS dismissed_at;

-- read_about: What ABOUT edges from these sources to these targets say.
UNWIND $rows AS row
MATCH (a:Product {uid: row.source})-[e:ABOUT]->(b:Interest)
WHERE b.uid IN row.targets
RETURN row.source AS source, b.uid AS target;

-- create_about: Add ABOUT edges that are not there.
UNWIND $rows AS row
MATCH (a:Product {uid: row.source})
MATCH (b:Interest {uid: row.target})
CREATE (a)-[:ABOUT]->(b);

-- delete_about: Remove ABOUT edges from these sources to these targets.
UNWIND $rows AS row
MATCH (a:Product {uid: row.source})-[e:ABOUT]->(b:Interest)
WHERE b.uid IN row.targets
DELETE e;

-- rows_about: Every ABOUT edge of a shop.
MATCH (a:Product)-[e:ABOUT]->(b:Interest)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target;

-- read_within: What WITHIN edges from these sources to these targets say.
UNWIND $rows AS row
MATCH (a:Interest {uid: row.source})-[e:WITHIN]->(b:Interest)
WHERE b.uid IN row.targets
RETURN row.source AS source, b.uid AS target;

-- create_within: Add WITHIN edges that are not there.
UNWIND $rows AS row
MATCH (a:Interest {uid: row.source})
MATCH (b:Interest {uid: row.target})
CREATE (a)-[:WITHIN]->(b);

-- delete_within: Remove WITHIN edges from these sources to these targets.
UNWIND $rows AS row
MATCH (a:Interest {uid: row.source})-[e:WITHIN]->(b:Interest)
WHERE b.uid IN row.targets
DELETE e;

-- rows_within: Every WITHIN edge of a shop.
MATCH (a:Interest)-[e:WITHIN]->(b:Interest)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target;

-- shops: The shops that have nodes.
MATCH (n:Shop)
RETURN n.shop AS shop ORDER BY shop;

-- watermarks: The last position whose effects the graph holds, per log, topic and partition.
MATCH (w:Watermark)
RETURN w.log AS log, w.topic AS topic, w.partition AS partition, w.position AS position;

-- put_watermarks: Move watermarks.
UNWIND $rows AS row
MERGE (w:Watermark {uid: row.uid})
SET w.log = row.log, w.topic = row.topic, w.partition = row.partition, w.position = row.position;

-- clear_watermarks: Forget every watermark.
MATCH (w:Watermark)
DELETE w;

-- sources_bought_with: Where a shop's BOUGHT_WITH edges begin.
MATCH (a:Product)-[:BOUGHT_WITH]->(:Product)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_bought_with: Remove BOUGHT_WITH edges that begin here.
MATCH (a:Product)-[e:BOUGHT_WITH]->(:Product)
WHERE a.uid IN $uids
DELETE e;

-- sources_similar_to: Where a shop's SIMILAR_TO edges begin.
MATCH (a:User)-[:SIMILAR_TO]->(:User)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_similar_to: Remove SIMILAR_TO edges that begin here.
MATCH (a:User)-[e:SIMILAR_TO]->(:User)
WHERE a.uid IN $uids
DELETE e;

-- sources_popular: Where a shop's POPULAR edges begin.
MATCH (a:Shop)-[:POPULAR]->(:Product)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_popular: Remove POPULAR edges that begin here.
MATCH (a:Shop)-[e:POPULAR]->(:Product)
WHERE a.uid IN $uids
DELETE e;

-- sources_popular_in: Where a shop's POPULAR_IN edges begin.
MATCH (a:Interest)-[:POPULAR_IN]->(:Product)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_popular_in: Remove POPULAR_IN edges that begin here.
MATCH (a:Interest)-[e:POPULAR_IN]->(:Product)
WHERE a.uid IN $uids
DELETE e;

-- sources_matches: Where a shop's MATCHES edges begin.
MATCH (a:Interest)-[:MATCHES]->(:Interest)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_matches: Remove MATCHES edges that begin here.
MATCH (a:Interest)-[e:MATCHES]->(:Interest)
WHERE a.uid IN $uids
DELETE e;

-- drawing: What a shop's products were last said to draw and keep, where it is more than nothing.
MATCH (p:Product)
WHERE p.shop = $shop AND (p.popular > 0 OR p.newcomers > 0.0 OR p.loyalty <> 1.0)
RETURN p.id AS id, p.popular AS buyers, p.newcomers AS newcomers, p.loyalty AS loyalty;

-- set_drawing: Write how many bought each product lately, how many of them for the first time, who comes back to it.
UNWIND $rows AS row
MATCH (p:Product {uid: row.uid})
SET p.popular = row.buyers, p.newcomers = row.newcomers, p.loyalty = row.loyalty;

-- set_refreshed: Write a shop's fitted parameters and when it was refreshed.
MATCH (s:Shop {uid: $uid})
SET s.parameters = $parameters, s.refreshed_at = $at;

-- purchases: Every purchase time of a shop, by user and product; what was wholly taken back is none.
MATCH (a:User)-[e:PURCHASED]->(b:Product)
WHERE a.shop = $shop AND e.refunded < e.quantity
RETURN a.id AS source, b.id AS target, e.times AS times;

-- purchases_of: Every purchase time of some users, by product; what was wholly taken back is none.
UNWIND $uids AS uid
MATCH (a:User {uid: uid})-[e:PURCHASED]->(b:Product)
WHERE e.refunded < e.quantity
RETURN a.id AS source, b.id AS target, e.times AS times;

-- drawing_of: What products of these uids were last said to draw and keep.
UNWIND $uids AS uid
MATCH (p:Product {uid: uid})
RETURN p.id AS id, p.popular AS buyers, p.newcomers AS newcomers, p.loyalty AS loyalty;

-- refreshed: When each shop was last refreshed.
MATCH (s:Shop)
RETURN s.shop AS shop, s.refreshed_at AS refreshed_at ORDER BY shop;

-- count_user: How many nodes of this kind there are.
MATCH (n:User)
RETURN count(n) AS count;

-- count_product: How many nodes of this kind there are.
MATCH (n:Product)
RETURN count(n) AS count;

-- count_interest: How many nodes of this kind there are.
MATCH (n:Interest)
RETURN count(n) AS count;

-- named: Interests of a kind.
MATCH (n:Interest)
WHERE n.shop = $shop AND n.kind = $kind
RETURN n.id AS id, n.name AS name ORDER BY id;
