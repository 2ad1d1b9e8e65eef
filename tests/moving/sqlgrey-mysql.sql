-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: sqlgrey
-- ------------------------------------------------------
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;

DROP TABLE IF EXISTS `connect`;
CREATE TABLE `connect` (
  `sender_name` varchar(64) NOT NULL,
  `sender_domain` varchar(255) NOT NULL,
  `src` varchar(39) NOT NULL,
  `rcpt` varchar(255) NOT NULL,
  `first_seen` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  KEY `connect_idx` (`src`,`sender_domain`,`sender_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `connect` WRITE;
/*!40000 ALTER TABLE `connect` DISABLE KEYS */;
INSERT INTO `connect` VALUES ('alice','example.org','192.0.2.10','bob@example.net','2026-09-21 13:13:20'),('o\'neil\\','example.org','192.0.2.10','it''s@example.net','2026-09-21 14:10:00');
/*!40000 ALTER TABLE `connect` ENABLE KEYS */;
UNLOCK TABLES;

INSERT INTO `domain_awl` (`src`, `sender_domain`, `last_seen`, `first_seen`) VALUES ('198.51.100','example.com','2026-09-12 22:13:20','2026-09-12 14:03:20');
INSERT INTO `from_awl` VALUES ('carol','example.org','192.0.2','2026-09-11 14:13:20','2026-09-11 14:23:20');
INSERT INTO `config` VALUES ('version','3');
-- Dump completed on 2026-09-21 14:13:20
