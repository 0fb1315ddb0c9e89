-- communities_of: A shop's communities and how many belong to each, the largest first.
MATCH (u:User)-[:MEMBER_OF]->(c:Community)
WHERE c.shop = $shop
RETURN c.id AS id, count(u) AS members
ORDER BY members DESC, id LIMIT 100;

-- typical_first: What is most typical of each of a shop's communities.
MATCH (c:Community)-[e:TYPICAL]->(p:Product)
WHERE c.shop = $shop AND e.place < $places
RETURN c.id AS community, p.id AS id, p.facts AS facts, p.popular AS popular, e.buyers AS buyers, e.lift AS lift
ORDER BY community, e.place LIMIT 1000;

-- the_community: How many belong to a community.
MATCH (c:Community {uid: $uid})<-[:MEMBER_OF]-(u:User)
RETURN c.id AS id, count(u) AS members;

-- typical_of: What is most typical of a community.
MATCH (c:Community {uid: $uid})-[e:TYPICAL]->(p:Product)
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, e.buyers AS buyers, e.lift AS lift
ORDER BY e.place LIMIT 100;

-- members_after: A community's user ids in order, after one of them.
MATCH (c:Community {uid: $uid})<-[:MEMBER_OF]-(u:User)
WHERE u.id > $after
RETURN u.id AS id ORDER BY id LIMIT $limit;

-- ids_community: The ids of a shop's communities.
MATCH (c:Community)
WHERE c.shop = $shop
RETURN c.id AS id;

-- create_community: Add communities that are not there.
UNWIND $rows AS row
CREATE (:Community {uid: row.uid, shop: row.shop, id: row.id});

-- delete_community: Remove communities with all their edges.
UNWIND $uids AS uid
MATCH (n:Community {uid: uid})
DETACH DELETE n;

-- present_community: Which communities of these uids are there.
UNWIND $uids AS uid
MATCH (n:Community {uid: uid})
RETURN uid AS uid;

-- sources_member_of: Where a shop's MEMBER_OF edges begin.
MATCH (a:User)-[:MEMBER_OF]->(:Community)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_member_of: Remove MEMBER_OF edges that begin here.
MATCH (a:User)-[e:MEMBER_OF]->(:Community)
WHERE a.uid IN $uids
DELETE e;

-- sources_typical: Where a shop's TYPICAL edges begin.
MATCH (a:Community)-[:TYPICAL]->(:Product)
WHERE a.shop = $shop
RETURN DISTINCT a.uid AS uid;

-- clear_typical: Remove TYPICAL edges that begin here.
MATCH (a:Community)-[e:TYPICAL]->(:Product)
WHERE a.uid IN $uids
DELETE e;
