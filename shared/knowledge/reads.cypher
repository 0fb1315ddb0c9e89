-- the_shop: A shop's present, when it was refreshed, and its fitted parameters.
MATCH (s:Shop {uid: $uid})
RETURN s.last_at AS last_at, s.refreshed_at AS refreshed_at, s.parameters AS parameters;

-- the_user: What one user says, and whether there is any reaction or interest of theirs.
MATCH (u:User {uid: $uid})
RETURN u.facts AS facts, EXISTS { MATCH (u)-[:REACTED_TO]->(:Product) } AS reacted, EXISTS { MATCH (u)-[:INTERESTED_IN]->(:Interest) } AS interested;

-- the_product: What one product says, and how many bought it lately.
MATCH (p:Product {uid: $uid})
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, p.newcomers AS newcomers, p.loyalty AS loyalty;

-- the_products: What products of these uids say, and how many bought them lately.
UNWIND $uids AS uid
MATCH (p:Product {uid: uid})
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, p.newcomers AS newcomers, p.loyalty AS loyalty;

-- crowded_products: Which of these products more than so many bought lately.
UNWIND $uids AS uid
MATCH (p:Product {uid: uid})
WHERE p.popular > $buyers
RETURN p.id AS id;

-- users_after: A shop's user ids in order, after one of them.
MATCH (u:User)
WHERE u.shop = $shop AND u.id > $after
RETURN u.id AS id ORDER BY id LIMIT $limit;

-- bought_by: What a user bought, the latest first.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(p:Product)
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, p.newcomers AS newcomers, p.loyalty AS loyalty, e.times AS times, e.quantity AS quantity, e.spend AS spend, e.refunded AS refunded, e.currency AS currency
ORDER BY coalesce(e.times[-1], 0) DESC, id LIMIT 2000;

-- interests_of: What a user is interested in, the strongest first.
MATCH (u:User {uid: $uid})-[e:INTERESTED_IN]->(i:Interest)
RETURN i.id AS id, i.kind AS kind, i.name AS name, e.stated AS stated, e.stated_stamp AS stated_stamp, e.observed AS observed, e.at AS at
ORDER BY stated DESC, observed DESC, id LIMIT 200;

-- matches_of: The categories that a user's free words were matched to, the likeliest first.
MATCH (u:User {uid: $uid})-[:INTERESTED_IN]->(i:Interest)
MATCH (i)-[m:MATCHES]->(c:Interest)
RETURN i.id AS id, c.id AS category, m.likeness AS likeness
ORDER BY likeness DESC, id, category LIMIT 400;

-- reactions_of: What a user let show about products, the latest first.
MATCH (u:User {uid: $uid})
WITH u
MATCH (u)-[e:REACTED_TO]->(p:Product)
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, e.views AS views, e.viewed_at AS viewed_at, e.wished_at AS wished_at, e.rating AS rating, e.rating_stamp AS rating_stamp, e.dismissed_at AS dismissed_at
ORDER BY viewed_at + wished_at + dismissed_at DESC, id LIMIT 500;

-- beside: What is bought with a user's 300 latest products, and the edges that lead there, each times how lately.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(s:Product)
WHERE size(e.times) > 0 AND e.refunded < e.quantity
WITH s, 2.718281828459045 ^ ((e.times[-1] - $at) / $fade) AS strength
ORDER BY strength DESC, s.id LIMIT 300
MATCH (s)-[b:BOUGHT_WITH]->(p:Product)
RETURN p.id AS id, sum(round(b.score * strength * 1000000000, 0)) / 1000000000 AS weight, collect(s.id) AS sources, collect(b.score * strength) AS scores, collect(b.support) AS supports
ORDER BY weight DESC, id LIMIT $limit;

-- beside_then: As `beside`, from what the user had bought by a moment, that itself not left out.
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(s:Product)
WHERE e.times[-size(e.times)] <= $at
WITH s, 2.718281828459045 ^ ((e.times[-size(e.times)] - $at) / $fade) AS strength
ORDER BY strength DESC, s.id LIMIT 300
MATCH (s)-[b:BOUGHT_WITH]->(p:Product)
RETURN p.id AS id, sum(round(b.score * strength * 1000000000, 0)) / 1000000000 AS weight, collect(s.id) AS sources, collect(b.score * strength) AS scores, collect(b.support) AS supports
ORDER BY weight DESC, id LIMIT $limit;

-- rows_bought_with: Every BOUGHT_WITH edge of a shop.
MATCH (a:Product)-[e:BOUGHT_WITH]->(b:Product)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target, e.score AS score, e.support AS support;

-- rows_similar_to: Every SIMILAR_TO edge of a shop.
MATCH (a:User)-[e:SIMILAR_TO]->(b:User)
WHERE a.shop = $shop
RETURN a.id AS source, b.id AS target, e.score AS score, e.support AS support;

-- baskets: What every user of a shop bought and kept.
MATCH (a:User)-[e:PURCHASED]->(b:Product)
WHERE a.shop = $shop AND size(e.times) > 0 AND e.refunded < e.quantity
RETURN a.id AS source, b.id AS target;

-- taste: Products that the most similar users (15 are kept) bought and the user did not, the most shared first.
MATCH (u:User {uid: $uid})
OPTIONAL MATCH (u)-[o:PURCHASED]->(q:Product)
WHERE o.refunded < o.quantity
WITH u, collect(q.id) AS own
MATCH (u)-[s:SIMILAR_TO]->(v:User)
MATCH (v)-[e:PURCHASED]->(p:Product)
WHERE e.refunded < e.quantity AND NOT p.id IN own
RETURN p.id AS id, sum(round(s.score * 1000000, 0)) / 1000000 AS weight, count(*) AS support
ORDER BY weight DESC, id LIMIT 200;

-- taste_then: As `taste`, with what those had bought by a moment, the user's own not left out.
MATCH (u:User {uid: $uid})-[s:SIMILAR_TO]->(v:User)
MATCH (v)-[e:PURCHASED]->(p:Product)
WHERE e.times[-size(e.times)] <= $at
RETURN p.id AS id, sum(round(s.score * 1000000, 0)) / 1000000 AS weight, count(*) AS support
ORDER BY weight DESC, id LIMIT 800;

-- popular_within: Products popular in what a user is interested in, the most popular first.
MATCH (u:User {uid: $uid})-[:INTERESTED_IN]->(i:Interest)
MATCH (i)-[e:POPULAR_IN]->(p:Product)
RETURN i.id AS interest, p.id AS id, e.buyers AS buyers
ORDER BY buyers DESC, id, interest LIMIT 200;

-- popular_matched: Products popular in the categories that a user's free words were matched to.
MATCH (u:User {uid: $uid})-[:INTERESTED_IN]->(i:Interest)
MATCH (i)-[:MATCHES]->(c:Interest)
MATCH (c)-[e:POPULAR_IN]->(p:Product)
RETURN DISTINCT c.id AS interest, p.id AS id, e.buyers AS buyers
ORDER BY buyers DESC, id, interest LIMIT 200;

-- popular_now: A shop's popular products, the most popular first.
MATCH (s:Shop {uid: $uid})-[e:POPULAR]->(p:Product)
RETURN p.id AS id, e.buyers AS buyers
ORDER BY buyers DESC, id LIMIT 300;

-- like_user: The users most similar to one.
MATCH (u:User {uid: $uid})-[s:SIMILAR_TO]->(v:User)
RETURN v.id AS id, v.uid AS uid, s.score AS score, s.support AS support
ORDER BY score DESC, id LIMIT $limit;

-- in_common: What a user and others bought alike, the most often bought first.
UNWIND $uids AS other
MATCH (u:User {uid: $uid})-[e:PURCHASED]->(p:Product)
MATCH (v:User {uid: other})-[f:PURCHASED]->(p)
RETURN v.id AS user, p.id AS id, size(e.times) + size(f.times) AS times
ORDER BY times DESC, id, user LIMIT 2000;

-- like_product: The products most bought with one.
MATCH (a:Product {uid: $uid})-[e:BOUGHT_WITH]->(p:Product)
WHERE e.score > 0
RETURN p.id AS id, p.facts AS facts, p.popular AS popular, e.score AS score, e.support AS support
ORDER BY score DESC, id LIMIT $limit;

-- from_user_purchased: PURCHASED edges around one user.
MATCH (a:User {uid: $uid})
MATCH (a)-[e:PURCHASED]->(b:Product)
RETURN b.id AS id, coalesce(size(e.times), 0) AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_user_similar_to: SIMILAR_TO edges around one user.
MATCH (a:User {uid: $uid})
MATCH (a)-[e:SIMILAR_TO]->(b:User)
RETURN b.id AS id, e.score AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_user_interested_in: INTERESTED_IN edges around one user.
MATCH (a:User {uid: $uid})
MATCH (a)-[e:INTERESTED_IN]->(b:Interest)
RETURN b.id AS id, e.stated + e.observed AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_user_reacted_to: REACTED_TO edges around one user.
MATCH (a:User {uid: $uid})
MATCH (a)-[e:REACTED_TO]->(b:Product)
RETURN b.id AS id, e.views AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_product_bought_with: BOUGHT_WITH edges around one product.
MATCH (a:Product {uid: $uid})
MATCH (a)-[e:BOUGHT_WITH]->(b:Product)
WHERE e.score > 0
RETURN b.id AS id, e.score AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_product_about: ABOUT edges around one product.
MATCH (a:Product {uid: $uid})
MATCH (a)-[e:ABOUT]->(b:Interest)
RETURN b.id AS id, 1 AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_product_purchased: PURCHASED edges around one product.
MATCH (a:Product {uid: $uid})
MATCH (a)<-[e:PURCHASED]-(b:User)
RETURN b.id AS id, coalesce(size(e.times), 0) AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_interest_popular_in: POPULAR_IN edges around one interest.
MATCH (a:Interest {uid: $uid})
MATCH (a)-[e:POPULAR_IN]->(b:Product)
RETURN b.id AS id, e.buyers AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_interest_about: ABOUT edges around one interest.
MATCH (a:Interest {uid: $uid})
MATCH (a)<-[e:ABOUT]-(b:Product)
RETURN b.id AS id, b.popular AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_interest_about_popular: ABOUT edges around one interest, of the few products that are popular in it.
MATCH (a:Interest {uid: $uid})
MATCH (a)-[e:POPULAR_IN]->(b:Product)
MATCH (b)-[:ABOUT]->(c:Interest)
WHERE c.uid = a.uid
RETURN b.id AS id, e.buyers AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_interest_within: WITHIN edges around one interest.
MATCH (a:Interest {uid: $uid})
MATCH (a)-[e:WITHIN]->(b:Interest)
RETURN b.id AS id, 1 AS weight
ORDER BY weight DESC, id LIMIT $limit;

-- from_interest_interested_in: INTERESTED_IN edges around one interest.
MATCH (a:Interest {uid: $uid})
MATCH (a)<-[e:INTERESTED_IN]-(b:User)
RETURN b.id AS id, e.stated + e.observed AS weight
ORDER BY weight DESC, id LIMIT $limit;
