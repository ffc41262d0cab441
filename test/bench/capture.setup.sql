-- pgbench's table of accounts, and one that takes what is selected from it.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE bench.accounts AS SELECT n AS aid, n % 10 AS bid, 0 AS abalance, repeat(' ', 84) AS filler FROM generate_series(1, 200000) AS n;
ALTER TABLE bench.accounts ADD PRIMARY KEY (aid);
CREATE UNLOGGED TABLE bench.taken (aid int, bid int, abalance int);
VACUUM ANALYZE bench.accounts;
