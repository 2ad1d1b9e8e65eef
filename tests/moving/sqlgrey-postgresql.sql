--
-- PostgreSQL database dump
--

\restrict 0d1QKkYIi4ZI1gr8drmfBrfbxizGVtbR3NtoysYRON01lFLcj9uS57VCmdOrWYG

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

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

--
-- Name: config; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.config (
    parameter character varying(255) NOT NULL,
    value character varying(255)
);


ALTER TABLE public.config OWNER TO postgres;

--
-- Name: connect; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.connect (
    sender_name character varying(64) NOT NULL,
    sender_domain character varying(255) NOT NULL,
    src character varying(39) NOT NULL,
    rcpt character varying(255) NOT NULL,
    first_seen timestamp without time zone NOT NULL
);


ALTER TABLE public.connect OWNER TO postgres;

--
-- Name: domain_awl; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.domain_awl (
    sender_domain character varying(255) NOT NULL,
    src character varying(39) NOT NULL,
    first_seen timestamp without time zone NOT NULL,
    last_seen timestamp without time zone NOT NULL
);


ALTER TABLE public.domain_awl OWNER TO postgres;

--
-- Name: from_awl; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.from_awl (
    sender_name character varying(64) NOT NULL,
    sender_domain character varying(255) NOT NULL,
    src character varying(39) NOT NULL,
    first_seen timestamp without time zone NOT NULL,
    last_seen timestamp without time zone NOT NULL
);


ALTER TABLE public.from_awl OWNER TO postgres;

--
-- Data for Name: config; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.config (parameter, value) FROM stdin;
version	3
\.


--
-- Data for Name: connect; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.connect (sender_name, sender_domain, src, rcpt, first_seen) FROM stdin;
alice	example.org	192.0.2.10	bob@example.net	2026-09-21 13:13:20
o'neil\\	example.org	192.0.2.10	it's@example.net	2026-09-21 14:10:00
\.


--
-- Data for Name: domain_awl; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.domain_awl (sender_domain, src, first_seen, last_seen) FROM stdin;
example.com	198.51.100	2026-09-12 14:03:20	2026-09-12 22:13:20
\.


--
-- Data for Name: from_awl; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.from_awl (sender_name, sender_domain, src, first_seen, last_seen) FROM stdin;
carol	example.org	192.0.2	2026-09-11 14:13:20	2026-09-11 14:23:20
\.


--
-- Name: config config_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.config
    ADD CONSTRAINT config_pkey PRIMARY KEY (parameter);


--
-- Name: domain_awl domain_awl_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.domain_awl
    ADD CONSTRAINT domain_awl_pkey PRIMARY KEY (src, sender_domain);


--
-- Name: from_awl from_awl_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.from_awl
    ADD CONSTRAINT from_awl_pkey PRIMARY KEY (src, sender_domain, sender_name);


--
-- PostgreSQL database dump complete
--

\unrestrict 0d1QKkYIi4ZI1gr8drmfBrfbxizGVtbR3NtoysYRON01lFLcj9uS57VCmdOrWYG

