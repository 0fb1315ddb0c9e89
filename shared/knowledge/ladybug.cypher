-- product_places: Where every product's node lies, and its id.
MATCH (p:Product)
RETURN offset(id(p)) AS place, p.id AS id;

-- beside_places: What is bought with what a user bought since a moment, by the nodes' places.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(s:Product)-[b:BOUGHT_WITH]->(p:Product)
WHERE e.times[-1] >= $since + b.support * 0
RETURN offset(id(s)) AS source, offset(id(p)) AS place, b.score AS score, b.support AS support;

-- taste_places: What the most similar users bought and kept, by the nodes' places.
MATCH (u:User {uid: $uid})-[s:SIMILAR_TO]->(v:User)
MATCH (v)-[e:PURCHASED]->(p:Product)
WHERE e.refunded < e.quantity
RETURN offset(id(p)) AS place, s.score AS score;

-- kept_places: What a user bought and kept, by the nodes' places.
MATCH (u:User {uid: $uid})-[o:PURCHASED]->(p:Product)
WHERE o.refunded < o.quantity
RETURN offset(id(p)) AS place;
