BEGIN TRANSACTION;
CREATE TABLE api_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "api_schema" VALUES(1);
CREATE TABLE audit_events (
	id INTEGER NOT NULL, 
	company TEXT NOT NULL, 
	time TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	client TEXT NOT NULL, 
	action TEXT NOT NULL, 
	address TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_events" VALUES(1,'default','2026-11-22T02:39:38.678Z','dana@acme.com','web console','create','workspace/sales',NULL,'{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}');
INSERT INTO "audit_events" VALUES(2,'default','2026-11-22T02:39:38.688Z','dana@acme.com','web console','create','member/ann@acme.com',NULL,'{"role":"admin"}');
INSERT INTO "audit_events" VALUES(3,'default','2026-11-22T02:39:38.693Z','dana@acme.com','web console','create','member/bob@acme.com',NULL,'{"role":"owner"}');
INSERT INTO "audit_events" VALUES(4,'default','2026-11-22T02:39:38.697Z','dana@acme.com','web console','create','member/m0@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(5,'default','2026-11-22T02:39:38.700Z','dana@acme.com','web console','create','member/m1@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(6,'default','2026-11-22T02:39:38.704Z','dana@acme.com','web console','create','member/m2@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(7,'default','2026-11-22T02:39:38.707Z','dana@acme.com','web console','create','member/m3@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(8,'default','2026-11-22T02:39:38.711Z','dana@acme.com','web console','create','member/m4@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(9,'default','2026-11-22T02:39:38.714Z','dana@acme.com','web console','create','membership/sales/m0@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(10,'default','2026-11-22T02:39:38.714Z','dana@acme.com','web console','create','membership/sales/m1@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(11,'default','2026-11-22T02:39:38.714Z','dana@acme.com','web console','create','membership/sales/m2@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(12,'default','2026-11-22T02:39:38.714Z','dana@acme.com','web console','create','membership/sales/m3@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(13,'default','2026-11-22T02:39:38.714Z','dana@acme.com','web console','create','membership/sales/m4@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(14,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','workspace/sales-emea','{"address":"workspace/sales"}','{"address":"workspace/sales-emea"}');
INSERT INTO "audit_events" VALUES(15,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','membership/sales-emea/m0@acme.com','{"address":"membership/sales/m0@acme.com"}','{"address":"membership/sales-emea/m0@acme.com"}');
INSERT INTO "audit_events" VALUES(16,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','membership/sales-emea/m1@acme.com','{"address":"membership/sales/m1@acme.com"}','{"address":"membership/sales-emea/m1@acme.com"}');
INSERT INTO "audit_events" VALUES(17,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','membership/sales-emea/m2@acme.com','{"address":"membership/sales/m2@acme.com"}','{"address":"membership/sales-emea/m2@acme.com"}');
INSERT INTO "audit_events" VALUES(18,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','membership/sales-emea/m3@acme.com','{"address":"membership/sales/m3@acme.com"}','{"address":"membership/sales-emea/m3@acme.com"}');
INSERT INTO "audit_events" VALUES(19,'default','2026-11-22T02:39:38.723Z','dana@acme.com','web console','rename','membership/sales-emea/m4@acme.com','{"address":"membership/sales/m4@acme.com"}','{"address":"membership/sales-emea/m4@acme.com"}');
INSERT INTO "audit_events" VALUES(20,'default','2026-11-22T02:39:38.731Z','dana@acme.com','web console','delete','membership/sales-emea/m4@acme.com','{"role":"member"}',NULL);
INSERT INTO "audit_events" VALUES(21,'default','2026-11-22T02:39:38.731Z','dana@acme.com','web console','delete','member/m4@acme.com','{"role":"standard"}',NULL);
INSERT INTO "audit_events" VALUES(22,'default','2026-11-22T02:39:38.736Z','dana@acme.com','web console','update','member/bob@acme.com','{"role":"owner"}','{"name":"Bob","role":"owner"}');
INSERT INTO "audit_events" VALUES(23,'other','2026-11-22T02:39:38.748Z','eve@other.example','web console','create','workspace/sales',NULL,'{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}');
INSERT INTO "audit_events" VALUES(24,'other','2026-11-22T02:39:38.752Z','eve@other.example','web console','create','member/ann@acme.com',NULL,'{"role":"admin"}');
INSERT INTO "audit_events" VALUES(25,'other','2026-11-22T02:39:38.755Z','eve@other.example','web console','create','member/bob@acme.com',NULL,'{"role":"owner"}');
INSERT INTO "audit_events" VALUES(26,'other','2026-11-22T02:39:38.758Z','eve@other.example','web console','create','member/m0@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(27,'other','2026-11-22T02:39:38.761Z','eve@other.example','web console','create','member/m1@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(28,'other','2026-11-22T02:39:38.764Z','eve@other.example','web console','create','member/m2@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(29,'other','2026-11-22T02:39:38.767Z','eve@other.example','web console','create','member/m3@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(30,'other','2026-11-22T02:39:38.769Z','eve@other.example','web console','create','member/m4@acme.com',NULL,'{"role":"standard"}');
INSERT INTO "audit_events" VALUES(31,'other','2026-11-22T02:39:38.772Z','eve@other.example','web console','create','membership/sales/m0@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(32,'other','2026-11-22T02:39:38.772Z','eve@other.example','web console','create','membership/sales/m1@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(33,'other','2026-11-22T02:39:38.772Z','eve@other.example','web console','create','membership/sales/m2@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(34,'other','2026-11-22T02:39:38.772Z','eve@other.example','web console','create','membership/sales/m3@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(35,'other','2026-11-22T02:39:38.772Z','eve@other.example','web console','create','membership/sales/m4@acme.com',NULL,'{"role":"member"}');
INSERT INTO "audit_events" VALUES(36,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','workspace/sales-emea','{"address":"workspace/sales"}','{"address":"workspace/sales-emea"}');
INSERT INTO "audit_events" VALUES(37,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','membership/sales-emea/m0@acme.com','{"address":"membership/sales/m0@acme.com"}','{"address":"membership/sales-emea/m0@acme.com"}');
INSERT INTO "audit_events" VALUES(38,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','membership/sales-emea/m1@acme.com','{"address":"membership/sales/m1@acme.com"}','{"address":"membership/sales-emea/m1@acme.com"}');
INSERT INTO "audit_events" VALUES(39,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','membership/sales-emea/m2@acme.com','{"address":"membership/sales/m2@acme.com"}','{"address":"membership/sales-emea/m2@acme.com"}');
INSERT INTO "audit_events" VALUES(40,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','membership/sales-emea/m3@acme.com','{"address":"membership/sales/m3@acme.com"}','{"address":"membership/sales-emea/m3@acme.com"}');
INSERT INTO "audit_events" VALUES(41,'other','2026-11-22T02:39:38.777Z','eve@other.example','web console','rename','membership/sales-emea/m4@acme.com','{"address":"membership/sales/m4@acme.com"}','{"address":"membership/sales-emea/m4@acme.com"}');
INSERT INTO "audit_events" VALUES(42,'other','2026-11-22T02:39:38.783Z','eve@other.example','web console','delete','membership/sales-emea/m4@acme.com','{"role":"member"}',NULL);
INSERT INTO "audit_events" VALUES(43,'other','2026-11-22T02:39:38.783Z','eve@other.example','web console','delete','member/m4@acme.com','{"role":"standard"}',NULL);
INSERT INTO "audit_events" VALUES(44,'other','2026-11-22T02:39:38.787Z','eve@other.example','web console','update','member/bob@acme.com','{"role":"owner"}','{"name":"Bob","role":"owner"}');
CREATE TABLE companies (
	company TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (company)
);
INSERT INTO "companies" VALUES('default','2026-11-22T02:39:38.677Z');
INSERT INTO "companies" VALUES('other','2026-11-22T02:39:38.748Z');
CREATE TABLE idempotency_keys (
	company TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (company, "key")
)
 WITHOUT ROWID

;
INSERT INTO "idempotency_keys" VALUES('default','batch-1','c03a156ec0089f50e818e4b5d8351ab1219107d7d1dd8873abcf267a690258a4','{"status":200,"body":"eyJyZXN1bHRzIjpbeyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTBAYWNtZS5jb20iLCJldGFnIjoiNTg3OTI0MWEzYTU0NjAwNWI2YjguMSIsImlkIjoiNTg3OTI0MWEzYTU0NjAwNWI2YjgifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tMUBhY21lLmNvbSIsImV0YWciOiJlNjI0MjU4ZDIyZjE4NDM2OTNmZi4xIiwiaWQiOiJlNjI0MjU4ZDIyZjE4NDM2OTNmZiJ9LHsic3RhdHVzIjoyMDEsImtleSI6InNhbGVzL20yQGFjbWUuY29tIiwiZXRhZyI6ImQ2MTc2ODZhMmQzMzE2MjIyNjE2LjEiLCJpZCI6ImQ2MTc2ODZhMmQzMzE2MjIyNjE2In0seyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTNAYWNtZS5jb20iLCJldGFnIjoiMDg1ZjVkYzNiYWE5NGZlYzIzYjIuMSIsImlkIjoiMDg1ZjVkYzNiYWE5NGZlYzIzYjIifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tNEBhY21lLmNvbSIsImV0YWciOiI4NTcyNDkyMjI2ODk2NjYxZDA1NS4xIiwiaWQiOiI4NTcyNDkyMjI2ODk2NjYxZDA1NSJ9XX0=","headers":{},"media_type":"application/json"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','one-0','sha256:9c3c49531be1db989342fcecc9604a1d','{"status":201,"key":"sales/m0@acme.com","etag":"5879241a3a546005b6b8.1","id":"5879241a3a546005b6b8"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','one-1','sha256:173637087c88bef73dcf6ef95a6f2fde','{"status":201,"key":"sales/m1@acme.com","etag":"e624258d22f1843693ff.1","id":"e624258d22f1843693ff"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','one-2','sha256:181b6dccacc2b7078a8989daa96d1a0a','{"status":201,"key":"sales/m2@acme.com","etag":"d617686a2d3316222616.1","id":"d617686a2d3316222616"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','one-3','sha256:c2002602c8ab864729b40b3ee71da98b','{"status":201,"key":"sales/m3@acme.com","etag":"085f5dc3baa94fec23b2.1","id":"085f5dc3baa94fec23b2"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','one-4','sha256:400541e8a28f3b45138daa1d1fb6e065','{"status":201,"key":"sales/m4@acme.com","etag":"8572492226896661d055.1","id":"8572492226896661d055"}','2026-11-22T02:39:38.714Z');
INSERT INTO "idempotency_keys" VALUES('default','patch-1','18c50e14a55222d7f1ad738b38e7d8ed44d9785030f1d4c5da4378fb4a1c523a','{"status":200,"body":"eyJpZCI6ImUwMmM5Mjk3ZmQwMzM1MTYyM2U1Iiwia2V5IjoiYm9iQGFjbWUuY29tIiwiYXR0cmlidXRlcyI6eyJuYW1lIjoiQm9iIiwicm9sZSI6Im93bmVyIn0sIm9ic2VydmVkIjp7InN0YXR1cyI6ImFjdGl2ZSJ9LCJldGFnIjoiZTAyYzkyOTdmZDAzMzUxNjIzZTUuMiIsImNyZWF0ZWRfYXQiOiIyMDI2LTExLTIyVDAyOjM5OjM4LjY5M1oiLCJ1cGRhdGVkX2F0IjoiMjAyNi0xMS0yMlQwMjozOTozOC43MzZaIn0=","headers":{"etag":"\"e02c9297fd03351623e5.2\""},"media_type":"application/json"}','2026-11-22T02:39:38.736Z');
INSERT INTO "idempotency_keys" VALUES('other','batch-1','c03a156ec0089f50e818e4b5d8351ab1219107d7d1dd8873abcf267a690258a4','{"status":200,"body":"eyJyZXN1bHRzIjpbeyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTBAYWNtZS5jb20iLCJldGFnIjoiYjJmYjY1ZjI0N2RkMzA3MzJiNGMuMSIsImlkIjoiYjJmYjY1ZjI0N2RkMzA3MzJiNGMifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tMUBhY21lLmNvbSIsImV0YWciOiJiZTk1YTQ3YjhkZDYwMjcyOWU2NS4xIiwiaWQiOiJiZTk1YTQ3YjhkZDYwMjcyOWU2NSJ9LHsic3RhdHVzIjoyMDEsImtleSI6InNhbGVzL20yQGFjbWUuY29tIiwiZXRhZyI6IjNmNGNiNDA3MjRlMjcyZjcwZDVlLjEiLCJpZCI6IjNmNGNiNDA3MjRlMjcyZjcwZDVlIn0seyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTNAYWNtZS5jb20iLCJldGFnIjoiNTJlOGY3YmI1MjgzN2MwODA5YzUuMSIsImlkIjoiNTJlOGY3YmI1MjgzN2MwODA5YzUifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tNEBhY21lLmNvbSIsImV0YWciOiJiYmQxNTQ2ZTlkZjFkYjAwNTQwNC4xIiwiaWQiOiJiYmQxNTQ2ZTlkZjFkYjAwNTQwNCJ9XX0=","headers":{},"media_type":"application/json"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','one-0','sha256:9c3c49531be1db989342fcecc9604a1d','{"status":201,"key":"sales/m0@acme.com","etag":"b2fb65f247dd30732b4c.1","id":"b2fb65f247dd30732b4c"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','one-1','sha256:173637087c88bef73dcf6ef95a6f2fde','{"status":201,"key":"sales/m1@acme.com","etag":"be95a47b8dd602729e65.1","id":"be95a47b8dd602729e65"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','one-2','sha256:181b6dccacc2b7078a8989daa96d1a0a','{"status":201,"key":"sales/m2@acme.com","etag":"3f4cb40724e272f70d5e.1","id":"3f4cb40724e272f70d5e"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','one-3','sha256:c2002602c8ab864729b40b3ee71da98b','{"status":201,"key":"sales/m3@acme.com","etag":"52e8f7bb52837c0809c5.1","id":"52e8f7bb52837c0809c5"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','one-4','sha256:400541e8a28f3b45138daa1d1fb6e065','{"status":201,"key":"sales/m4@acme.com","etag":"bbd1546e9df1db005404.1","id":"bbd1546e9df1db005404"}','2026-11-22T02:39:38.772Z');
INSERT INTO "idempotency_keys" VALUES('other','patch-1','18c50e14a55222d7f1ad738b38e7d8ed44d9785030f1d4c5da4378fb4a1c523a','{"status":200,"body":"eyJpZCI6IjhlYzBiMTQ3YTUwNzNiMThmOWExIiwia2V5IjoiYm9iQGFjbWUuY29tIiwiYXR0cmlidXRlcyI6eyJuYW1lIjoiQm9iIiwicm9sZSI6Im93bmVyIn0sIm9ic2VydmVkIjp7InN0YXR1cyI6ImFjdGl2ZSJ9LCJldGFnIjoiOGVjMGIxNDdhNTA3M2IxOGY5YTEuMiIsImNyZWF0ZWRfYXQiOiIyMDI2LTExLTIyVDAyOjM5OjM4Ljc1NVoiLCJ1cGRhdGVkX2F0IjoiMjAyNi0xMS0yMlQwMjozOTozOC43ODdaIn0=","headers":{"etag":"\"8ec0b147a5073b18f9a1.2\""},"media_type":"application/json"}','2026-11-22T02:39:38.787Z');
CREATE TABLE resource_links (
	company TEXT NOT NULL, 
	target TEXT NOT NULL, 
	source TEXT NOT NULL, 
	path TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	PRIMARY KEY (company, target, source, path)
)
 WITHOUT ROWID

;
INSERT INTO "resource_links" VALUES('default','member/m0@acme.com','membership/sales-emea/m0@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','member/m1@acme.com','membership/sales-emea/m1@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','member/m2@acme.com','membership/sales-emea/m2@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','member/m3@acme.com','membership/sales-emea/m3@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','role/admin','member/ann@acme.com','role','restrict');
INSERT INTO "resource_links" VALUES('default','role/owner','member/bob@acme.com','role','restrict');
INSERT INTO "resource_links" VALUES('default','workspace/sales-emea','membership/sales-emea/m0@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','workspace/sales-emea','membership/sales-emea/m1@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','workspace/sales-emea','membership/sales-emea/m2@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('default','workspace/sales-emea','membership/sales-emea/m3@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','member/m0@acme.com','membership/sales-emea/m0@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','member/m1@acme.com','membership/sales-emea/m1@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','member/m2@acme.com','membership/sales-emea/m2@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','member/m3@acme.com','membership/sales-emea/m3@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','role/admin','member/ann@acme.com','role','restrict');
INSERT INTO "resource_links" VALUES('other','role/owner','member/bob@acme.com','role','restrict');
INSERT INTO "resource_links" VALUES('other','workspace/sales-emea','membership/sales-emea/m0@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','workspace/sales-emea','membership/sales-emea/m1@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','workspace/sales-emea','membership/sales-emea/m2@acme.com','','cascade');
INSERT INTO "resource_links" VALUES('other','workspace/sales-emea','membership/sales-emea/m3@acme.com','','cascade');
CREATE TABLE resource_totals (
	company TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	total INTEGER NOT NULL, 
	PRIMARY KEY (company, kind)
)
 WITHOUT ROWID

;
INSERT INTO "resource_totals" VALUES('default','member',6);
INSERT INTO "resource_totals" VALUES('default','membership',4);
INSERT INTO "resource_totals" VALUES('default','workspace',1);
INSERT INTO "resource_totals" VALUES('other','member',6);
INSERT INTO "resource_totals" VALUES('other','membership',4);
INSERT INTO "resource_totals" VALUES('other','workspace',1);
CREATE TABLE resources (
	company TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	attributes TEXT NOT NULL, 
	observed TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	PRIMARY KEY (company, kind, "key")
)
 WITHOUT ROWID

;
INSERT INTO "resources" VALUES('default','member','ann@acme.com','82420990ae988ade938d',1,'{"role":"admin"}','{"status":"active"}','2026-11-22T02:39:38.688Z','2026-11-22T02:39:38.688Z');
INSERT INTO "resources" VALUES('default','member','bob@acme.com','e02c9297fd03351623e5',2,'{"name":"Bob","role":"owner"}','{"status":"suspended"}','2026-11-22T02:39:38.693Z','2026-11-22T02:39:38.745Z');
INSERT INTO "resources" VALUES('default','member','m0@acme.com','c92269fc99737171207a',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.697Z','2026-11-22T02:39:38.697Z');
INSERT INTO "resources" VALUES('default','member','m1@acme.com','28f119f6752bb8941a75',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.700Z','2026-11-22T02:39:38.700Z');
INSERT INTO "resources" VALUES('default','member','m2@acme.com','f15fa1b6ad897fafd2d6',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.704Z','2026-11-22T02:39:38.704Z');
INSERT INTO "resources" VALUES('default','member','m3@acme.com','34e26a73608928295b62',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.707Z','2026-11-22T02:39:38.707Z');
INSERT INTO "resources" VALUES('default','membership','sales-emea/m0@acme.com','5879241a3a546005b6b8',2,'{"role":"member"}','{}','2026-11-22T02:39:38.714Z','2026-11-22T02:39:38.723Z');
INSERT INTO "resources" VALUES('default','membership','sales-emea/m1@acme.com','e624258d22f1843693ff',2,'{"role":"member"}','{}','2026-11-22T02:39:38.714Z','2026-11-22T02:39:38.723Z');
INSERT INTO "resources" VALUES('default','membership','sales-emea/m2@acme.com','d617686a2d3316222616',2,'{"role":"member"}','{}','2026-11-22T02:39:38.714Z','2026-11-22T02:39:38.723Z');
INSERT INTO "resources" VALUES('default','membership','sales-emea/m3@acme.com','085f5dc3baa94fec23b2',2,'{"role":"member"}','{}','2026-11-22T02:39:38.714Z','2026-11-22T02:39:38.723Z');
INSERT INTO "resources" VALUES('default','workspace','sales-emea','4092c4e7163d58628c35',2,'{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}','{}','2026-11-22T02:39:38.678Z','2026-11-22T02:39:38.723Z');
INSERT INTO "resources" VALUES('other','member','ann@acme.com','de2b50e120450c1c7158',1,'{"role":"admin"}','{"status":"active"}','2026-11-22T02:39:38.752Z','2026-11-22T02:39:38.752Z');
INSERT INTO "resources" VALUES('other','member','bob@acme.com','8ec0b147a5073b18f9a1',2,'{"name":"Bob","role":"owner"}','{"status":"suspended"}','2026-11-22T02:39:38.755Z','2026-11-22T02:39:38.793Z');
INSERT INTO "resources" VALUES('other','member','m0@acme.com','4d8354cced386f4a3646',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.758Z','2026-11-22T02:39:38.758Z');
INSERT INTO "resources" VALUES('other','member','m1@acme.com','6f0ca0aa6a4caf7ca672',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.761Z','2026-11-22T02:39:38.761Z');
INSERT INTO "resources" VALUES('other','member','m2@acme.com','ac2b8c82307490023552',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.764Z','2026-11-22T02:39:38.764Z');
INSERT INTO "resources" VALUES('other','member','m3@acme.com','b8f0cefc39325e23edcf',1,'{"role":"standard"}','{"status":"active"}','2026-11-22T02:39:38.767Z','2026-11-22T02:39:38.767Z');
INSERT INTO "resources" VALUES('other','membership','sales-emea/m0@acme.com','b2fb65f247dd30732b4c',2,'{"role":"member"}','{}','2026-11-22T02:39:38.772Z','2026-11-22T02:39:38.777Z');
INSERT INTO "resources" VALUES('other','membership','sales-emea/m1@acme.com','be95a47b8dd602729e65',2,'{"role":"member"}','{}','2026-11-22T02:39:38.772Z','2026-11-22T02:39:38.777Z');
INSERT INTO "resources" VALUES('other','membership','sales-emea/m2@acme.com','3f4cb40724e272f70d5e',2,'{"role":"member"}','{}','2026-11-22T02:39:38.772Z','2026-11-22T02:39:38.777Z');
INSERT INTO "resources" VALUES('other','membership','sales-emea/m3@acme.com','52e8f7bb52837c0809c5',2,'{"role":"member"}','{}','2026-11-22T02:39:38.772Z','2026-11-22T02:39:38.777Z');
INSERT INTO "resources" VALUES('other','workspace','sales-emea','c4d40ee2625e39ce65a0',2,'{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}','{}','2026-11-22T02:39:38.748Z','2026-11-22T02:39:38.777Z');
CREATE INDEX audit_events_by_company ON audit_events (company, id);
CREATE INDEX audit_events_by_address ON audit_events (company, address, id);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (company, created_at);
COMMIT;
