SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.api_schema (
    version integer NOT NULL
);
CREATE SEQUENCE public.api_schema_version_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_schema_version_seq OWNED BY public.api_schema.version;
CREATE TABLE public.audit_events (
    id bigint NOT NULL,
    company text NOT NULL COLLATE pg_catalog."C",
    "time" text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    client text NOT NULL,
    action text NOT NULL,
    address text NOT NULL COLLATE pg_catalog."C",
    before text,
    after text
);
CREATE SEQUENCE public.audit_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_events_id_seq OWNED BY public.audit_events.id;
CREATE TABLE public.companies (
    company text NOT NULL COLLATE pg_catalog."C",
    created_at text NOT NULL
);
CREATE TABLE public.idempotency_keys (
    company text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL,
    answer text NOT NULL,
    created_at text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.resource_links (
    company text NOT NULL COLLATE pg_catalog."C",
    target text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    path text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL
);
CREATE TABLE public.resource_totals (
    company text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    total integer NOT NULL
);
CREATE TABLE public.resources (
    company text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL,
    version integer NOT NULL,
    attributes text NOT NULL,
    observed text NOT NULL,
    created_at text NOT NULL,
    updated_at text NOT NULL
);
ALTER TABLE ONLY public.api_schema ALTER COLUMN version SET DEFAULT nextval('public.api_schema_version_seq'::regclass);
ALTER TABLE ONLY public.audit_events ALTER COLUMN id SET DEFAULT nextval('public.audit_events_id_seq'::regclass);
INSERT INTO public.api_schema VALUES (1);
INSERT INTO public.audit_events VALUES (1, 'default', '2026-11-22T02:39:41.006Z', 'dana@acme.com', 'web console', 'create', 'workspace/sales', NULL, '{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}');
INSERT INTO public.audit_events VALUES (2, 'default', '2026-11-22T02:39:41.016Z', 'dana@acme.com', 'web console', 'create', 'member/ann@acme.com', NULL, '{"role":"admin"}');
INSERT INTO public.audit_events VALUES (3, 'default', '2026-11-22T02:39:41.022Z', 'dana@acme.com', 'web console', 'create', 'member/bob@acme.com', NULL, '{"role":"owner"}');
INSERT INTO public.audit_events VALUES (4, 'default', '2026-11-22T02:39:41.026Z', 'dana@acme.com', 'web console', 'create', 'member/m0@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (5, 'default', '2026-11-22T02:39:41.034Z', 'dana@acme.com', 'web console', 'create', 'member/m1@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (6, 'default', '2026-11-22T02:39:41.038Z', 'dana@acme.com', 'web console', 'create', 'member/m2@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (7, 'default', '2026-11-22T02:39:41.042Z', 'dana@acme.com', 'web console', 'create', 'member/m3@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (8, 'default', '2026-11-22T02:39:41.051Z', 'dana@acme.com', 'web console', 'create', 'member/m4@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (9, 'default', '2026-11-22T02:39:41.055Z', 'dana@acme.com', 'web console', 'create', 'membership/sales/m0@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (10, 'default', '2026-11-22T02:39:41.055Z', 'dana@acme.com', 'web console', 'create', 'membership/sales/m1@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (11, 'default', '2026-11-22T02:39:41.055Z', 'dana@acme.com', 'web console', 'create', 'membership/sales/m2@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (12, 'default', '2026-11-22T02:39:41.055Z', 'dana@acme.com', 'web console', 'create', 'membership/sales/m3@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (13, 'default', '2026-11-22T02:39:41.055Z', 'dana@acme.com', 'web console', 'create', 'membership/sales/m4@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (14, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'workspace/sales-emea', '{"address":"workspace/sales"}', '{"address":"workspace/sales-emea"}');
INSERT INTO public.audit_events VALUES (15, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'membership/sales-emea/m0@acme.com', '{"address":"membership/sales/m0@acme.com"}', '{"address":"membership/sales-emea/m0@acme.com"}');
INSERT INTO public.audit_events VALUES (16, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'membership/sales-emea/m1@acme.com', '{"address":"membership/sales/m1@acme.com"}', '{"address":"membership/sales-emea/m1@acme.com"}');
INSERT INTO public.audit_events VALUES (17, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'membership/sales-emea/m2@acme.com', '{"address":"membership/sales/m2@acme.com"}', '{"address":"membership/sales-emea/m2@acme.com"}');
INSERT INTO public.audit_events VALUES (18, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'membership/sales-emea/m3@acme.com', '{"address":"membership/sales/m3@acme.com"}', '{"address":"membership/sales-emea/m3@acme.com"}');
INSERT INTO public.audit_events VALUES (19, 'default', '2026-11-22T02:39:41.071Z', 'dana@acme.com', 'web console', 'rename', 'membership/sales-emea/m4@acme.com', '{"address":"membership/sales/m4@acme.com"}', '{"address":"membership/sales-emea/m4@acme.com"}');
INSERT INTO public.audit_events VALUES (20, 'default', '2026-11-22T02:39:41.079Z', 'dana@acme.com', 'web console', 'delete', 'membership/sales-emea/m4@acme.com', '{"role":"member"}', NULL);
INSERT INTO public.audit_events VALUES (21, 'default', '2026-11-22T02:39:41.079Z', 'dana@acme.com', 'web console', 'delete', 'member/m4@acme.com', '{"role":"standard"}', NULL);
INSERT INTO public.audit_events VALUES (22, 'default', '2026-11-22T02:39:41.085Z', 'dana@acme.com', 'web console', 'update', 'member/bob@acme.com', '{"role":"owner"}', '{"name":"Bob","role":"owner"}');
INSERT INTO public.audit_events VALUES (23, 'other', '2026-11-22T02:39:41.102Z', 'eve@other.example', 'web console', 'create', 'workspace/sales', NULL, '{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}');
INSERT INTO public.audit_events VALUES (24, 'other', '2026-11-22T02:39:41.107Z', 'eve@other.example', 'web console', 'create', 'member/ann@acme.com', NULL, '{"role":"admin"}');
INSERT INTO public.audit_events VALUES (25, 'other', '2026-11-22T02:39:41.113Z', 'eve@other.example', 'web console', 'create', 'member/bob@acme.com', NULL, '{"role":"owner"}');
INSERT INTO public.audit_events VALUES (26, 'other', '2026-11-22T02:39:41.118Z', 'eve@other.example', 'web console', 'create', 'member/m0@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (27, 'other', '2026-11-22T02:39:41.123Z', 'eve@other.example', 'web console', 'create', 'member/m1@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (28, 'other', '2026-11-22T02:39:41.128Z', 'eve@other.example', 'web console', 'create', 'member/m2@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (29, 'other', '2026-11-22T02:39:41.132Z', 'eve@other.example', 'web console', 'create', 'member/m3@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (30, 'other', '2026-11-22T02:39:41.137Z', 'eve@other.example', 'web console', 'create', 'member/m4@acme.com', NULL, '{"role":"standard"}');
INSERT INTO public.audit_events VALUES (31, 'other', '2026-11-22T02:39:41.141Z', 'eve@other.example', 'web console', 'create', 'membership/sales/m0@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (32, 'other', '2026-11-22T02:39:41.141Z', 'eve@other.example', 'web console', 'create', 'membership/sales/m1@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (33, 'other', '2026-11-22T02:39:41.141Z', 'eve@other.example', 'web console', 'create', 'membership/sales/m2@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (34, 'other', '2026-11-22T02:39:41.141Z', 'eve@other.example', 'web console', 'create', 'membership/sales/m3@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (35, 'other', '2026-11-22T02:39:41.141Z', 'eve@other.example', 'web console', 'create', 'membership/sales/m4@acme.com', NULL, '{"role":"member"}');
INSERT INTO public.audit_events VALUES (36, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'workspace/sales-emea', '{"address":"workspace/sales"}', '{"address":"workspace/sales-emea"}');
INSERT INTO public.audit_events VALUES (37, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'membership/sales-emea/m0@acme.com', '{"address":"membership/sales/m0@acme.com"}', '{"address":"membership/sales-emea/m0@acme.com"}');
INSERT INTO public.audit_events VALUES (38, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'membership/sales-emea/m1@acme.com', '{"address":"membership/sales/m1@acme.com"}', '{"address":"membership/sales-emea/m1@acme.com"}');
INSERT INTO public.audit_events VALUES (39, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'membership/sales-emea/m2@acme.com', '{"address":"membership/sales/m2@acme.com"}', '{"address":"membership/sales-emea/m2@acme.com"}');
INSERT INTO public.audit_events VALUES (40, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'membership/sales-emea/m3@acme.com', '{"address":"membership/sales/m3@acme.com"}', '{"address":"membership/sales-emea/m3@acme.com"}');
INSERT INTO public.audit_events VALUES (41, 'other', '2026-11-22T02:39:41.150Z', 'eve@other.example', 'web console', 'rename', 'membership/sales-emea/m4@acme.com', '{"address":"membership/sales/m4@acme.com"}', '{"address":"membership/sales-emea/m4@acme.com"}');
INSERT INTO public.audit_events VALUES (42, 'other', '2026-11-22T02:39:41.158Z', 'eve@other.example', 'web console', 'delete', 'membership/sales-emea/m4@acme.com', '{"role":"member"}', NULL);
INSERT INTO public.audit_events VALUES (43, 'other', '2026-11-22T02:39:41.158Z', 'eve@other.example', 'web console', 'delete', 'member/m4@acme.com', '{"role":"standard"}', NULL);
INSERT INTO public.audit_events VALUES (44, 'other', '2026-11-22T02:39:41.165Z', 'eve@other.example', 'web console', 'update', 'member/bob@acme.com', '{"role":"owner"}', '{"name":"Bob","role":"owner"}');
INSERT INTO public.companies VALUES ('default', '2026-11-22T02:39:41.004Z');
INSERT INTO public.companies VALUES ('other', '2026-11-22T02:39:41.101Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'one-0', 'sha256:9c3c49531be1db989342fcecc9604a1d', '{"status":201,"key":"sales/m0@acme.com","etag":"76998d0071cf9a1068d7.1","id":"76998d0071cf9a1068d7"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'one-1', 'sha256:173637087c88bef73dcf6ef95a6f2fde', '{"status":201,"key":"sales/m1@acme.com","etag":"1b41cc030c2cbd511da6.1","id":"1b41cc030c2cbd511da6"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'one-2', 'sha256:181b6dccacc2b7078a8989daa96d1a0a', '{"status":201,"key":"sales/m2@acme.com","etag":"d1921657d965d48fbaf5.1","id":"d1921657d965d48fbaf5"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'one-3', 'sha256:c2002602c8ab864729b40b3ee71da98b', '{"status":201,"key":"sales/m3@acme.com","etag":"6b873d26cb93329bd531.1","id":"6b873d26cb93329bd531"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'one-4', 'sha256:400541e8a28f3b45138daa1d1fb6e065', '{"status":201,"key":"sales/m4@acme.com","etag":"30ca7828beb6fc131afd.1","id":"30ca7828beb6fc131afd"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'batch-1', 'c03a156ec0089f50e818e4b5d8351ab1219107d7d1dd8873abcf267a690258a4', '{"status":200,"body":"eyJyZXN1bHRzIjpbeyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTBAYWNtZS5jb20iLCJldGFnIjoiNzY5OThkMDA3MWNmOWExMDY4ZDcuMSIsImlkIjoiNzY5OThkMDA3MWNmOWExMDY4ZDcifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tMUBhY21lLmNvbSIsImV0YWciOiIxYjQxY2MwMzBjMmNiZDUxMWRhNi4xIiwiaWQiOiIxYjQxY2MwMzBjMmNiZDUxMWRhNiJ9LHsic3RhdHVzIjoyMDEsImtleSI6InNhbGVzL20yQGFjbWUuY29tIiwiZXRhZyI6ImQxOTIxNjU3ZDk2NWQ0OGZiYWY1LjEiLCJpZCI6ImQxOTIxNjU3ZDk2NWQ0OGZiYWY1In0seyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTNAYWNtZS5jb20iLCJldGFnIjoiNmI4NzNkMjZjYjkzMzI5YmQ1MzEuMSIsImlkIjoiNmI4NzNkMjZjYjkzMzI5YmQ1MzEifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tNEBhY21lLmNvbSIsImV0YWciOiIzMGNhNzgyOGJlYjZmYzEzMWFmZC4xIiwiaWQiOiIzMGNhNzgyOGJlYjZmYzEzMWFmZCJ9XX0=","headers":{},"media_type":"application/json"}', '2026-11-22T02:39:41.055Z');
INSERT INTO public.idempotency_keys VALUES ('default', 'patch-1', '18c50e14a55222d7f1ad738b38e7d8ed44d9785030f1d4c5da4378fb4a1c523a', '{"status":200,"body":"eyJpZCI6IjFiNTRmYWY5ODRlNmQ0NzcwMDA0Iiwia2V5IjoiYm9iQGFjbWUuY29tIiwiYXR0cmlidXRlcyI6eyJuYW1lIjoiQm9iIiwicm9sZSI6Im93bmVyIn0sIm9ic2VydmVkIjp7InN0YXR1cyI6ImFjdGl2ZSJ9LCJldGFnIjoiMWI1NGZhZjk4NGU2ZDQ3NzAwMDQuMiIsImNyZWF0ZWRfYXQiOiIyMDI2LTExLTIyVDAyOjM5OjQxLjAyMloiLCJ1cGRhdGVkX2F0IjoiMjAyNi0xMS0yMlQwMjozOTo0MS4wODVaIn0=","headers":{"etag":"\"1b54faf984e6d4770004.2\""},"media_type":"application/json"}', '2026-11-22T02:39:41.085Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'one-0', 'sha256:9c3c49531be1db989342fcecc9604a1d', '{"status":201,"key":"sales/m0@acme.com","etag":"458306c63fcd34227c88.1","id":"458306c63fcd34227c88"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'one-1', 'sha256:173637087c88bef73dcf6ef95a6f2fde', '{"status":201,"key":"sales/m1@acme.com","etag":"fa6d2d949f65d9980605.1","id":"fa6d2d949f65d9980605"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'one-2', 'sha256:181b6dccacc2b7078a8989daa96d1a0a', '{"status":201,"key":"sales/m2@acme.com","etag":"2f17a60e98a8d1b412ea.1","id":"2f17a60e98a8d1b412ea"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'one-3', 'sha256:c2002602c8ab864729b40b3ee71da98b', '{"status":201,"key":"sales/m3@acme.com","etag":"f606b53d5c7fb2a4cd92.1","id":"f606b53d5c7fb2a4cd92"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'one-4', 'sha256:400541e8a28f3b45138daa1d1fb6e065', '{"status":201,"key":"sales/m4@acme.com","etag":"1c2d49610b3784f14458.1","id":"1c2d49610b3784f14458"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'batch-1', 'c03a156ec0089f50e818e4b5d8351ab1219107d7d1dd8873abcf267a690258a4', '{"status":200,"body":"eyJyZXN1bHRzIjpbeyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTBAYWNtZS5jb20iLCJldGFnIjoiNDU4MzA2YzYzZmNkMzQyMjdjODguMSIsImlkIjoiNDU4MzA2YzYzZmNkMzQyMjdjODgifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tMUBhY21lLmNvbSIsImV0YWciOiJmYTZkMmQ5NDlmNjVkOTk4MDYwNS4xIiwiaWQiOiJmYTZkMmQ5NDlmNjVkOTk4MDYwNSJ9LHsic3RhdHVzIjoyMDEsImtleSI6InNhbGVzL20yQGFjbWUuY29tIiwiZXRhZyI6IjJmMTdhNjBlOThhOGQxYjQxMmVhLjEiLCJpZCI6IjJmMTdhNjBlOThhOGQxYjQxMmVhIn0seyJzdGF0dXMiOjIwMSwia2V5Ijoic2FsZXMvbTNAYWNtZS5jb20iLCJldGFnIjoiZjYwNmI1M2Q1YzdmYjJhNGNkOTIuMSIsImlkIjoiZjYwNmI1M2Q1YzdmYjJhNGNkOTIifSx7InN0YXR1cyI6MjAxLCJrZXkiOiJzYWxlcy9tNEBhY21lLmNvbSIsImV0YWciOiIxYzJkNDk2MTBiMzc4NGYxNDQ1OC4xIiwiaWQiOiIxYzJkNDk2MTBiMzc4NGYxNDQ1OCJ9XX0=","headers":{},"media_type":"application/json"}', '2026-11-22T02:39:41.141Z');
INSERT INTO public.idempotency_keys VALUES ('other', 'patch-1', '18c50e14a55222d7f1ad738b38e7d8ed44d9785030f1d4c5da4378fb4a1c523a', '{"status":200,"body":"eyJpZCI6IjZiYTkyZGM5ZDY5YTY3OWU5MzM0Iiwia2V5IjoiYm9iQGFjbWUuY29tIiwiYXR0cmlidXRlcyI6eyJuYW1lIjoiQm9iIiwicm9sZSI6Im93bmVyIn0sIm9ic2VydmVkIjp7InN0YXR1cyI6ImFjdGl2ZSJ9LCJldGFnIjoiNmJhOTJkYzlkNjlhNjc5ZTkzMzQuMiIsImNyZWF0ZWRfYXQiOiIyMDI2LTExLTIyVDAyOjM5OjQxLjExM1oiLCJ1cGRhdGVkX2F0IjoiMjAyNi0xMS0yMlQwMjozOTo0MS4xNjVaIn0=","headers":{"etag":"\"6ba92dc9d69a679e9334.2\""},"media_type":"application/json"}', '2026-11-22T02:39:41.165Z');
INSERT INTO public.resource_links VALUES ('default', 'role/admin', 'member/ann@acme.com', 'role', 'restrict');
INSERT INTO public.resource_links VALUES ('default', 'role/owner', 'member/bob@acme.com', 'role', 'restrict');
INSERT INTO public.resource_links VALUES ('default', 'workspace/sales-emea', 'membership/sales-emea/m0@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'member/m0@acme.com', 'membership/sales-emea/m0@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'workspace/sales-emea', 'membership/sales-emea/m1@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'member/m1@acme.com', 'membership/sales-emea/m1@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'workspace/sales-emea', 'membership/sales-emea/m2@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'member/m2@acme.com', 'membership/sales-emea/m2@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'workspace/sales-emea', 'membership/sales-emea/m3@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('default', 'member/m3@acme.com', 'membership/sales-emea/m3@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'role/admin', 'member/ann@acme.com', 'role', 'restrict');
INSERT INTO public.resource_links VALUES ('other', 'role/owner', 'member/bob@acme.com', 'role', 'restrict');
INSERT INTO public.resource_links VALUES ('other', 'workspace/sales-emea', 'membership/sales-emea/m0@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'member/m0@acme.com', 'membership/sales-emea/m0@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'workspace/sales-emea', 'membership/sales-emea/m1@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'member/m1@acme.com', 'membership/sales-emea/m1@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'workspace/sales-emea', 'membership/sales-emea/m2@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'member/m2@acme.com', 'membership/sales-emea/m2@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'workspace/sales-emea', 'membership/sales-emea/m3@acme.com', '', 'cascade');
INSERT INTO public.resource_links VALUES ('other', 'member/m3@acme.com', 'membership/sales-emea/m3@acme.com', '', 'cascade');
INSERT INTO public.resource_totals VALUES ('default', 'workspace', 1);
INSERT INTO public.resource_totals VALUES ('default', 'membership', 4);
INSERT INTO public.resource_totals VALUES ('default', 'member', 6);
INSERT INTO public.resource_totals VALUES ('other', 'workspace', 1);
INSERT INTO public.resource_totals VALUES ('other', 'membership', 4);
INSERT INTO public.resource_totals VALUES ('other', 'member', 6);
INSERT INTO public.resources VALUES ('default', 'member', 'ann@acme.com', 'c1f26317f7bf4d5eccbf', 1, '{"role":"admin"}', '{"status":"active"}', '2026-11-22T02:39:41.016Z', '2026-11-22T02:39:41.016Z');
INSERT INTO public.resources VALUES ('default', 'member', 'm0@acme.com', 'b9d8e45a1e37a604f877', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.026Z', '2026-11-22T02:39:41.026Z');
INSERT INTO public.resources VALUES ('default', 'member', 'm1@acme.com', '76554bd5a7412c1d181a', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.034Z', '2026-11-22T02:39:41.034Z');
INSERT INTO public.resources VALUES ('default', 'member', 'm2@acme.com', '298fa0d417b48d02730e', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.038Z', '2026-11-22T02:39:41.038Z');
INSERT INTO public.resources VALUES ('default', 'member', 'm3@acme.com', '104d1cf3b589a9468058', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.042Z', '2026-11-22T02:39:41.042Z');
INSERT INTO public.resources VALUES ('default', 'workspace', 'sales-emea', 'ceebaed9f0178dc7afb2', 2, '{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}', '{}', '2026-11-22T02:39:41.006Z', '2026-11-22T02:39:41.071Z');
INSERT INTO public.resources VALUES ('default', 'membership', 'sales-emea/m0@acme.com', '76998d0071cf9a1068d7', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.055Z', '2026-11-22T02:39:41.071Z');
INSERT INTO public.resources VALUES ('default', 'membership', 'sales-emea/m1@acme.com', '1b41cc030c2cbd511da6', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.055Z', '2026-11-22T02:39:41.071Z');
INSERT INTO public.resources VALUES ('default', 'membership', 'sales-emea/m2@acme.com', 'd1921657d965d48fbaf5', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.055Z', '2026-11-22T02:39:41.071Z');
INSERT INTO public.resources VALUES ('default', 'membership', 'sales-emea/m3@acme.com', '6b873d26cb93329bd531', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.055Z', '2026-11-22T02:39:41.071Z');
INSERT INTO public.resources VALUES ('default', 'member', 'bob@acme.com', '1b54faf984e6d4770004', 2, '{"name":"Bob","role":"owner"}', '{"status":"suspended"}', '2026-11-22T02:39:41.022Z', '2026-11-22T02:39:41.098Z');
INSERT INTO public.resources VALUES ('other', 'member', 'ann@acme.com', '1124e62f056d7529047b', 1, '{"role":"admin"}', '{"status":"active"}', '2026-11-22T02:39:41.107Z', '2026-11-22T02:39:41.107Z');
INSERT INTO public.resources VALUES ('other', 'member', 'm0@acme.com', 'ae84a19be8c4b961df27', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.118Z', '2026-11-22T02:39:41.118Z');
INSERT INTO public.resources VALUES ('other', 'member', 'm1@acme.com', 'a178e1651885886f25bb', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.123Z', '2026-11-22T02:39:41.123Z');
INSERT INTO public.resources VALUES ('other', 'member', 'm2@acme.com', 'e0a001f7fd1ab0867591', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.128Z', '2026-11-22T02:39:41.128Z');
INSERT INTO public.resources VALUES ('other', 'member', 'm3@acme.com', 'fc694d2975a1acd74864', 1, '{"role":"standard"}', '{"status":"active"}', '2026-11-22T02:39:41.132Z', '2026-11-22T02:39:41.132Z');
INSERT INTO public.resources VALUES ('other', 'workspace', 'sales-emea', 'd3eb68140cb936eeeac2', 2, '{"name":"Sales Zażółć “ß” ''quoted'' \\ back"}', '{}', '2026-11-22T02:39:41.102Z', '2026-11-22T02:39:41.150Z');
INSERT INTO public.resources VALUES ('other', 'membership', 'sales-emea/m0@acme.com', '458306c63fcd34227c88', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.141Z', '2026-11-22T02:39:41.150Z');
INSERT INTO public.resources VALUES ('other', 'membership', 'sales-emea/m1@acme.com', 'fa6d2d949f65d9980605', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.141Z', '2026-11-22T02:39:41.150Z');
INSERT INTO public.resources VALUES ('other', 'membership', 'sales-emea/m2@acme.com', '2f17a60e98a8d1b412ea', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.141Z', '2026-11-22T02:39:41.150Z');
INSERT INTO public.resources VALUES ('other', 'membership', 'sales-emea/m3@acme.com', 'f606b53d5c7fb2a4cd92', 2, '{"role":"member"}', '{}', '2026-11-22T02:39:41.141Z', '2026-11-22T02:39:41.150Z');
INSERT INTO public.resources VALUES ('other', 'member', 'bob@acme.com', '6ba92dc9d69a679e9334', 2, '{"name":"Bob","role":"owner"}', '{"status":"suspended"}', '2026-11-22T02:39:41.113Z', '2026-11-22T02:39:41.176Z');
SELECT pg_catalog.setval('public.api_schema_version_seq', 1, false);
SELECT pg_catalog.setval('public.audit_events_id_seq', 44, true);
ALTER TABLE ONLY public.api_schema
    ADD CONSTRAINT api_schema_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_pkey PRIMARY KEY (company);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (company, key);
ALTER TABLE ONLY public.resource_links
    ADD CONSTRAINT resource_links_pkey PRIMARY KEY (company, target, source, path);
ALTER TABLE ONLY public.resource_totals
    ADD CONSTRAINT resource_totals_pkey PRIMARY KEY (company, kind);
ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (company, kind, key);
CREATE INDEX audit_events_by_address ON public.audit_events USING btree (company, address, id);
CREATE INDEX audit_events_by_company ON public.audit_events USING btree (company, id);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (company, created_at);
