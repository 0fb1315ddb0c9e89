-- product_places: Where every product's node lies, and its id.
MATCH (p:Product)
RETURN offset(id(p)) AS place, p.id AS id;

-- user_places: Where every user's node lies, and its id.
MATCH (u:User)
RETURN offset(id(u)) AS place, u.id AS id;

-- interest_places: Where every interest's node lies, and its id.
MATCH (i:Interest)
RETURN offset(id(i)) AS place, i.id AS id;

-- popular_places: Where the nodes of products lie that anybody bought lately, and how many did.
MATCH (p:Product)
WHERE p.popular > 0
RETURN offset(id(p)) AS place, p.popular AS weight;

-- beside_places: What is bought with what a user bought since a moment, by the nodes' places.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(s:Product)-[b:BOUGHT_WITH]->(p:Product)
WHERE e.times[-1] >= $since + b.support * 0
RETURN offset(id(s)) AS source, offset(id(p)) AS place, b.score AS score, b.support AS support;

-- taste_places: What the most similar users bought and kept, by the nodes' places.
MATCH (u:User {uid: $uid})-[s:SIMILAR_TO]->(v:User)
MATCH (v)-[e:PURCHASED]->(p:Product)
WHERE e.refunded < e.quantity
RETURN offset(id(p)) AS place, s.score AS score;

-- bought_places: What a user bought, by the nodes' places.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(p:Product)
RETURN offset(id(p)) AS place, e.times AS times, e.quantity AS quantity, e.spend AS spend, e.refunded AS refunded, e.currency AS currency;

-- bought_products: What the products say that a user bought, and how many bought them lately.
MATCH (u:User {uid: $uid})-[:PURCHASED]->(p:Product)
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, p.newcomers AS newcomers, p.loyalty AS loyalty;
