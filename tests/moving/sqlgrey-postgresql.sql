--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';

CREATE TABLE public.connect (
    sender_name character varying(64) NOT NULL,
    sender_domain character varying(255) NOT NULL,
    src character varying(39) NOT NULL,
    rcpt character varying(255) NOT NULL,
    first_seen timestamp without time zone NOT NULL
);

COPY public.config (parameter, value) FROM stdin;
version	3
\.

COPY public.connect (sender_name, sender_domain, src, rcpt, first_seen) FROM stdin;
alice	example.org	192.0.2.10	bob@example.net	2026-09-21 13:13:20.123456
o'neil\\	example.org	192.0.2.10	it's@example.net	2026-09-21 14:10:00
\.

COPY public.domain_awl (sender_domain, src, first_seen, last_seen) FROM stdin;
example.com	198.51.100	2026-09-12 14:03:20	2026-09-12 22:13:20
\.

COPY public.from_awl (sender_name, sender_domain, src, first_seen, last_seen) FROM stdin;
carol	example.org	192.0.2	2026-09-11 14:13:20	2026-09-11 14:23:20
\.

ALTER TABLE ONLY public.domain_awl
    ADD CONSTRAINT domain_awl_pkey PRIMARY KEY (src, sender_domain);
