-- present: Which of these users there are.
UNWIND $uids AS uid
MATCH (u:User {uid: uid})
RETURN u.id AS id;

-- last_bought: When each of these users last bought anything that they kept.
UNWIND $uids AS uid
MATCH (u:User {uid: uid})-[e:PURCHASED]->(:Product)
WHERE size(e.times) > 0 AND e.refunded < e.quantity
RETURN u.id AS id, max(e.times[-1]) AS at;

-- last_bought_one: When each of these users last bought a product.
UNWIND $uids AS uid
MATCH (u:User {uid: uid})-[e:PURCHASED]->(p:Product)
WHERE p.uid = $product AND size(e.times) > 0 AND e.refunded < e.quantity
RETURN u.id AS id, max(e.times[-1]) AS at;

-- last_bought_of: When each of these users last bought anything of a category.
UNWIND $uids AS uid
MATCH (u:User {uid: uid})-[e:PURCHASED]->(p:Product)
WHERE size(e.times) > 0 AND e.refunded < e.quantity
MATCH (p)-[:ABOUT]->(i:Interest)
WHERE i.uid = $category
RETURN u.id AS id, max(e.times[-1]) AS at;

-- interested_among: Which of these users are interested in any of these.
UNWIND $uids AS uid
MATCH (u:User {uid: uid})-[e:INTERESTED_IN]->(i:Interest)
WHERE i.uid IN $interests AND (e.stated > 0 OR e.observed > 0)
RETURN DISTINCT u.id AS id;
