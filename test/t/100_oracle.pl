# The rule, implemented twice: tracer.correlate() against test/lib/oracle.sql.
#
# First by cases made by hand from the sentences of docs/correlation.md, which
# pin both implementations to the text; then the four cascades; then random
# scenarios, where the two must agree on every episode, origin, parent and
# suspect; every other one is made worse (oracle.worsen). TRACER_SEEDS is how many
# (150), TRACER_SEED the first (1).

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = $ENV{TRACER_TOP} || '.';
my $node = PostgreSQL::Test::Cluster->new('oracle');
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION tracer');
$node->safe_psql('postgres', slurp_file("$top/test/lib/$_.sql")) for qw(oracle random compare);

# One alert of a case: asset@time[,mod...], time as 30m, 6h+1us, 1d. - is no
# asset. Mods: i w e c severity, r resolved, k=KEY, s=SOURCE, run=RUN, by=SOURCE
# (resolved by a person), t=TITLE.
sub alert
{
	my ($n, $token) = @_;
	my ($at, @mods) = split /,/, $token;
	my ($asset, $time) = split /@/, $at;
	my %row = (asset => $asset eq '-' ? undef : $asset, title => 'late', source => 's', severity => 'error');
	my %severity = (i => 'info', w => 'warning', e => 'error', c => 'critical');
	for (@mods)
	{
		if ($severity{$_}) { $row{severity} = $severity{$_} }
		elsif ($_ eq 'r') { $row{status} = 'resolved' }
		elsif (/^k=(.*)/) { $row{dedup_key} = $1 }
		elsif (/^s=(.*)/) { $row{source} = $1 }
		elsif (/^t=(.*)/) { $row{title} = $1 }
		elsif (/^run=(.*)/) { $row{run_id} = $1 }
		elsif (/^by=(.*)/) { @row{qw(status source labels)} = ('resolved', 'tracer', qq({"source": "$1"})) }
		else { die "what is $_ in $token" }
	}
	$time =~ s/\+/ /g;
	my @names = grep { defined $row{$_} } sort keys %row;
	return sprintf "INSERT INTO tracer.alert (alert_id, url, fired_at, %s) VALUES (%d, '%d', timestamptz '2024-03-01 00:00+00' + interval '%s', %s);\n",
	  join(', ', @names), $n * 1024, $n, $time, join(', ', map { "'$row{$_}'" } @names);
}

# case NAME, EXPECTED (see oracle.line), ALERTS, then lineage => 'a>b b=>c a>c(1 hour)',
# set => {...}, alias => {...}, changes => 'a@time', sql => '...' run before the
# alerts come, after => '...' after
sub case
{
	my ($name, $expected, $alerts, %more) = @_;
	my $sql = "SELECT oracle.reset(); SELECT oracle.forget();\n";
	my %asset;
	my $edges = '';
	for (split /\s+(?![^(]*\))/, $more{lineage} // '')
	{
		my ($u, $kind, $d, $lag) = /^([^=>]+)(=?>)([^(]+)(?:\((.*)\))?$/ or die "what is $_";
		$asset{$_} = 1 for $u, $d;
		$edges .= sprintf "INSERT INTO tracer.lineage (upstream, downstream, kind, lag) SELECT u.asset_id, d.asset_id, '%s', %s FROM tracer.asset u, tracer.asset d WHERE u.name = '%s' AND d.name = '%s';\n",
		  $kind eq '=>' ? 'runs' : 'data', defined $lag ? "'$lag'" : 'NULL', $u, $d;
	}
	$sql .= "INSERT INTO tracer.asset (name) VALUES ('$_');\n" for sort keys %asset;
	$sql .= $edges;
	$sql .= "SELECT tracer.set('$_', '$more{set}{$_}');\n" for sort keys %{ $more{set} // {} };
	$sql .= "INSERT INTO tracer.asset_alias VALUES ('$_', '$more{alias}{$_}');\n" for sort keys %{ $more{alias} // {} };
	for (split ' ', $more{changes} // '')
	{
		my ($asset, $time) = split /@/;
		$time =~ s/\+/ /g;
		$sql .= "INSERT INTO tracer.change (asset, title, changed_at) VALUES ('$asset', 'x', timestamptz '2024-03-01 00:00+00' + interval '$time');\n";
	}
	$sql .= $more{sql} // '';
	my $n = 0;
	$sql .= alert(++$n, $_) for split ' ', $alerts;
	$sql .= $more{after} // '';
	$node->safe_psql('postgres', $sql);
	is($node->safe_psql('postgres', "SELECT oracle.line('partition')"), $expected, "$name: the text");
	$node->safe_psql('postgres', 'SELECT tracer.correlate()');
	is($node->safe_psql('postgres', "SELECT oracle.line('placed')"), $expected, "$name: correlate()");
	is($node->safe_psql('postgres', 'SELECT oracle.broken(true)'), '', "$name: what must hold");
	$node->safe_psql('postgres', 'TRUNCATE oracle.handed_out');
}

# 1. Episodes
case 'a repeat joins', '1 2=1', 'a@0 a@26h';
case 'after quiet_after it does not', '1 2', 'a@0 a@26h+1us';
case 'quiet_after runs from the last firing', '1 2=1 3=1', 'a@0 a@20h a@40h';
case 'quiet_after of the source', '1 2', 'a@0,s=dbt a@11m,s=dbt', sql => "INSERT INTO tracer.source VALUES ('dbt', '10 minutes');", set => { horizon => '1 minute' };
case 'a resolve ends an episode', '1 3<1', 'a@0 a@1h,r a@2h';
case 'firing before resolved at a tie', '1 2=1 4<1', 'a@0 a@1h a@1h,r a@2h';
case 'a resolve that came first waits', '2 3<2', 'a@1h,r a@0 a@2h';
case 'a resolve before its firing does nothing', '2 3=2', 'a@0,r a@1h a@2h';
case 'a resolve of another key does nothing', '1 3=1', 'a@0,k=1 a@1h,r,k=2 a@2h,k=1';
case 'a resolve without asset ends every key', '1 2 4<1 5<2', 'a@0,k=1 b@0,k=1 -@1h,r,k=1 a@2h,k=1 b@2h,k=1', set => { quiet_after => '3 days' };
case 'but of its source only', '1 3=1', 'a@0,k=1,s=x -@1h,r,k=1,s=y a@2h,k=1,s=x';
case 'a person resolves for a source', '1 3<1', 'a@0 a@1h,by=s a@2h';
case 'digits of the title do not tell keys apart', '1 2=1', 'a@0,t=12_rows a@1h,t=7_rows';
case 'an alias is the asset', '1 2=1', 'a@0 x@1h', alias => { x => 'a' };
case 'a name wins over an alias', '1 2<1', 'a@0,k=1 b@1h,k=1', lineage => 'a>b', alias => { b => 'a' };

# 2. Who may explain whom
case 'upstream explains', '1 2<1', 'a@0 b@1h', lineage => 'a>b';
case 'at the horizon', '1 3<1', 'a@0 a@1h,r b@6h', lineage => 'a>b';
case 'after the horizon', '1 3', 'a@0 a@1h,r b@6h+1us', lineage => 'a>b';
case 'noticed late', '1<2 2', 'b@0 a@30m', lineage => 'a>b';
case 'noticed too late', '1 2', 'b@0 a@30m+1us', lineage => 'a>b';
case 'merely firing', '1 2<1', 'a@0 b@26h', lineage => 'a>b';
case 'quiet', '1 2', 'a@0 b@26h+1us', lineage => 'a>b';
case 'firing until its end', '1 3<1', 'a@0 a@10h,r b@9h', lineage => 'a>b';
case 'not at its end', '1 3', 'a@0 a@10h,r b@10h', lineage => 'a>b';
case 'firing, at max_incident_age', '1 2<1', 'a@0 b@1d', lineage => 'a>b', set => { max_incident_age => '1 day', quiet_after => '3 days' };
case 'firing, after max_incident_age', '1 2', 'a@0 b@1d+1us', lineage => 'a>b', set => { max_incident_age => '1 day', quiet_after => '3 days' };
case 'chronic explains nothing by merely firing', '1 2=1 3=1 4=1 5=1 6', 'a@0 a@1d a@2d a@3d a@4d b@4d+7h', lineage => 'a>b';
case 'before it was chronic it did', '1 2=1 3=1 4=1 5=1 6<1', 'a@0 a@1d a@2d a@3d a@4d b@3d+7h', lineage => 'a>b';
case 'chronic by its history', '1 3<1 5<3 7', 'a@0 a@10m,r a@20m a@30m,r a@40m a@50m,r b@8h', lineage => 'a>b';
case 'half failing is not chronic', '1 4<1 6<4 7<6', 'a@0 a@10m,r a@15m,r a@20m a@30m,r a@40m b@8h', lineage => 'a>b';
case 'chronic within the horizon still explains', '1 2=1 3=1 4=1 5=1 6<1', 'a@0 a@1d a@2d a@3d a@4d b@5h', lineage => 'a>b';
case 'the same asset', '1 2<1', 'a@0,k=1 a@10m,k=2';
case 'the same asset, tie', '1<2 2', 'a@0,k=b a@0,k=a';
case 'ties are bytewise', '1<2 2', 'a@0,k=a a@0,k=B';
case 'the same asset needs no lineage, nor a declaration', '1 2<1 3', 'u@0,k=1 u@1m,k=2 v@1m,k=2';
case 'no asset stands alone', '1 2', '-@0,k=1 -@1m,k=2';
case 'with its own key', '1 3<1', '-@0,k=1 -@1m,k=1,r -@2m,k=1';
case 'info explains nothing', '1- 2', 'a@0,i b@1m', lineage => 'a>b';
case 'info is explained', '1 2<1', 'a@0 b@1m,i', lineage => 'a>b';
case 'info that became an error', '1 2=1 3<1', 'a@0,i a@1h,e b@1m', lineage => 'a>b';
case 'assets between need no alert', '1 2<1', 'a@0 d@1m', lineage => 'a>b b>c c>d';
case 'within max_hops', '1 2<1', 'a@0 c@1m', lineage => 'a>b b>c c>d', set => { max_hops => 2 };
case 'beyond max_hops', '1 2', 'a@0 d@1m', lineage => 'a>b b>c c>d', set => { max_hops => 2 };
case 'a cycle is one asset', '1 2<1 3<2', 'b@0 a@20m c@21m', lineage => 'a>b b>a b>c';
case 'edges within a cycle count nothing', '1 2<1', 'a@0 d@1m', lineage => 'a>b b>c c>a c>d', set => { max_hops => 1 };
case 'an edge to oneself is none', '1 2<1', 'a@0 b@1m', lineage => 'a>a a>b';
case 'lag', '1 3<1', 'a@0 a@1m,r b@7h', lineage => 'a>b(1 hour)';
case 'beyond lag', '1 3', 'a@0 a@1m,r b@7h+1us', lineage => 'a>b(1 hour)';
case 'the largest lag of the shortest paths', '1 3<1', 'a@0 a@1m,r d@8h', lineage => 'a>b(1 hour) b>d a>c(1 hour) c>d(1 hour)';
case 'not of longer paths', '1 3', 'a@0 a@1m,r d@8h', lineage => 'a>d a>b(10 hours) b>d';
case 'lag is capped', '1 3', 'a@0 a@1m,r b@2d+6h+1us', lineage => 'a>b(3 days)', set => { max_incident_age => '2 days' };

# 3. Runners
case 'what it ran explains the runner', '1 2<1', 'm@0,run=1 R@45m,c,run=1', lineage => 'R=>m';
case 'also by the interval', '1 2<1', 'm@0 R@45m,c', lineage => 'R=>m';
case 'not after it', '1<2 2', 'm@1m R@0', lineage => 'R=>m';
case 'but in one run even then', '1 2<1', 'm@1m,run=1 R@0,run=1', lineage => 'R=>m';
case 'not before the interval', '1 2', 'm@0 R@6h+1us', lineage => 'R=>m';
case 'not over by then', '1 3', 'm@0 m@40m,r R@45m', lineage => 'R=>m';
case 'not in another run', '1<2 2', 'm@0,run=1 R@5m,run=2', lineage => 'R=>m';
case 'too weak to explain, yet within', '1 2', 'm@0,w R@5m', lineage => 'R=>m';
case 'as weak as the runner', '1 2<1', 'm@0,w R@5m,w', lineage => 'R=>m';
case 'a data edge beside it makes it no runner', '1<2 2', 'm@0,run=1 R@5m,run=1', lineage => 'R=>m R>m';
case 'wrapped, it explains what is below and outside', '1 2<1 3<2', 'm@0,run=1 R@5m,run=1 x@10m', lineage => 'R=>m R>x';
case 'wrapped, it explains nothing that it runs', '1 2<1 3', 'm@0,run=1 R@5m,run=1 n@10m,run=2', lineage => 'R=>m R=>n';
case 'not wrapped, it does', '1 2<1', 'R@5m n@10m', lineage => 'R=>m R=>n';
case 'nor what leads back to it', '1<3 2<1 3', 'm@0,run=1 R@5m,run=1 x@10m', lineage => 'R=>m R>x x>m';
case 'a runner within a runner', '1 2<1 3<2', 'm@0,run=1 R@5m,run=1 O@10m,run=1', lineage => 'O=>R R=>m';
case 'two runs edges away', '1 2<1', 'm@0,run=1 O@10m,run=1', lineage => 'O=>R R=>m';
case 'wrapped ones on one runner', '1 2<1 3<1', 'm@0,run=1 R@5m,k=1,run=1 R@6m,k=2,run=1', lineage => 'R=>m';
case 'a wrapped one does not explain a bare one beside it', '1 2<1 3', 'm@0,run=1 R@5m,k=1,run=1 R@36m,k=2,run=2', lineage => 'R=>m';
case 'a runner above its run by data explains others', '1<2 2', 'n@0,run=9 R@5m,run=1', lineage => 'R=>n';

# 4. Parent
case 'fewest hops', '1 2<1 3<2', 'a@0 b@1m c@2m', lineage => 'a>b b>c';
case 'a proper ancestor before the same asset', '1 2<1 3<1', 'a@0 b@1m,k=1 b@2m,k=2', lineage => 'a>b';
case 'near before firing', '1 2 3<2', 'b@0 a@20h c@21h', lineage => 'a>b b>c';
case 'latest start', '1 2 3<2', 'x@0 y@5m c@10m', lineage => 'x>c y>c';
case 'then tie-break', '1 2 3<2', 'y@0 x@0 c@10m', lineage => 'x>c y>c';
case 'an origin too long ago', '1 2<1 3', 'a@0 b@20h c@25h', lineage => 'a>b b>c', set => { max_incident_age => '1 day' };
case 'the parent ends, another still fires', '1 2 3<1', 'x@0 y@5m c@10m y@1h,r', lineage => 'x>c y>c';
case 'unless the symptom ended first', '1 2 3<2', 'x@0 y@5m c@10m y@1h,r c@30m,r', lineage => 'x>c y>c';
case 'or at the same time', '1 2 3<2', 'x@0 y@5m c@10m y@1h,r c@1h,r', lineage => 'x>c y>c';
case 'or soon after', '1 2 3<2', 'x@0 y@5m c@10m y@1h,r c@90m,r', lineage => 'x>c y>c';
case 'but not when it outlives it', '1 2 3<1', 'x@0 y@5m c@10m y@1h,r c@90m+1us,r', lineage => 'x>c y>c';
case 'nor to what is farther away', '1 2 3<2', 'x@0 y@5m c@10m y@1h,r', lineage => 'x>w w>c y>c';
case 'nor to what merely fires', '1 3 4<3', 'x@0 x@9h,r y@7h c@8h y@8h+30m,r', lineage => 'x>c y>c';
case 'or the other is over too', '1 2 3<2', 'x@0 y@5m c@10m y@1h,r x@1h,r', lineage => 'x>c y>c';
case 'a proper ancestor gives way to none on the same asset', '1 2 3<2', 'c@0,k=0 x@5m c@10m,k=1 x@1h,r', lineage => 'x>c y>c', set => { detection_lag => '0' };
case 'and so on from its end', '1 2 3 4<1', 'w@0 x@1m y@5m c@10m y@1h,r x@2h,r', lineage => 'w>c x>c y>c';

# 6. Suspects
case 'most consumers fail', '1*s 2<1', 'x@0 y@10m', lineage => 's>x s>y', set => { max_hops => 1 };
case 'two of three', '1 2*s 3<2', 'z@-20d x@0 y@10m', lineage => 's>x s>y s>z';
case 'two of four are not more than half', '1 2 3 4', 'z@-20d w@-2d x@0 y@10m', lineage => 's>x s>y s>z s>w';
case 'unless that was long ago', '1 2 3*s 4<3', 'z@-31d w@-2d x@0 y@10m', lineage => 's>x s>y s>z s>w';
case 'two of ten of which eight were never heard of are too few', '1 2', 'x@0 y@10m', lineage => join ' ', map { "s>$_" } qw(x y a b c d e f g h);
case 'three of ten are enough', '1*s 2<1 3<1', 'x@0 y@10m a@20m', lineage => join ' ', map { "s>$_" } qw(x y a b c d e f g h);
case 'a change on it', '1 2 3*s 4<3', 'z@-20d w@-2d x@0 y@10m', lineage => 's>x s>y s>z s>w', changes => 's@-24h';
case 'a change too early', '1 2 3 4', 'z@-20d w@-2d x@0 y@10m', lineage => 's>x s>y s>z s>w', changes => 's@-24h+-1us';
case 'a change too late', '1 2 3 4', 'z@-20d w@-2d x@0 y@10m', lineage => 's>x s>y s>z s>w', changes => 's@30m+1us';
case 'one consumer is not enough', '1 2<1', 'x@0,k=1 x@1m,k=2', lineage => 's>x s>y';
case 'an alert on it takes its place', '1<3 2<3 3', 'x@0 y@10m s@20m', lineage => 's>x s>y';
case 'info on it does not', '1*s 2<1 3-', 'x@0 y@10m s@20m,i', lineage => 's>x s>y';
case 'an alert on it that explains neither stands in the way', '1 2 3', 'x@0 y@10m s@3h', lineage => 's>x s>y';
case 'what is beyond the horizon is not covered', '1*s 2<1 3', 'x@0 y@10m z@6h+1us', lineage => 's>x s>y s>z';
case 'symptoms come along', '1*s 2<1 3<1', 'x@0 y@10m d@20m', lineage => 's>x s>y x>d';
case 'the nearest of two', '1*t 2<1', 'x@0 y@10m', lineage => 's>t t>x t>y';
case 'the first by name', '1*A 2<1', 'x@0 y@10m', lineage => 'a>x a>y A>x A>y';
case 'most origins covered', '1*s 2<1 3<1', 'x@0 y@10m z@11m', lineage => 'a>x a>y s>x s>y s>z';
case 'a cycle is one asset: an alert elsewhere on it', '1 2 3', 'x@0 y@10m s2@3h', lineage => 's>x s>y s>s2 s2>s';
case 'a cycle is one asset: nothing else is covered', '1 3', 'x@0 x@1m,r y@7h', lineage => 's>x(2 hours) s>y(2 hours) x>y y>x', changes => 's@0', set => { horizon => '6 hours' };

# 7. Grouping by labels
sub labels
{
	my ($alert, $labels) = @_;
	return sprintf "UPDATE tracer.alert SET labels = '%s' WHERE alert_id = %d;\n", $labels, $alert * 1024;
}
my $by_zone = q(INSERT INTO tracer.group_rule (name, labels) VALUES ('zone', '{zone}'););
case 'equal labels', '1 2<1', 'a@0 b@1h', sql => $by_zone, after => labels(1, '{"zone": "z", "x": 1}') . labels(2, '{"zone": "z"}');
case 'other labels', '1 2', 'a@0 b@1h', sql => $by_zone, after => labels(1, '{"zone": "z"}') . labels(2, '{"zone": "y"}');
case 'no label', '1 2', 'a@0 b@1h', sql => $by_zone, after => labels(1, '{}') . labels(2, '{}');
case 'after the window', '1 2', 'a@0 b@1h+1us', sql => $by_zone, after => labels(1, '{"zone": "z"}') . labels(2, '{"zone": "z"}');
case 'the latest before it', '1 2<1 3<2', 'a@0 b@1h c@2h', sql => $by_zone, after => join '', map { labels($_, '{"zone": "z"}') } 1 .. 3;
case 'symptoms do not count, and come along', '1 2<1 3<1 4<3', 'a@0 b@1h c@1h d@2h', lineage => 'a>b c>d', sql => $by_zone,
  after => join '', map { labels($_, '{"zone": "z"}') } 1 .. 4;
case 'of one source', '1 2 3<2', 'a@0,s=x b@1m,s=y c@2m,s=y', sql => q(INSERT INTO tracer.group_rule VALUES ('zone', '{zone}', 'y');),
  after => join '', map { labels($_, '{"zone": "z"}') } 1 .. 3;
case 'the first rule by name', '1 2 3<1', 'a@0 b@1m c@2m',
  sql => q(INSERT INTO tracer.group_rule (name, labels) VALUES ('B', '{zone}'), ('a', '{host}');),
  after => labels(1, '{"zone": "z"}') . labels(2, '{"host": "h"}') . labels(3, '{"zone": "z", "host": "h"}');
case 'the labels of every firing at its start', '1 2 3<1 4=3', 'a@0 b@1m c@2m c@2m', sql => $by_zone,
  after => labels(1, '{"zone": "z"}') . labels(2, '{"zone": "y"}') . labels(3, '{"zone": "x"}') . labels(4, '{"zone": "z"}');

# 8. People
sub decide
{
	my ($kind, $alert, $other) = @_;
	return sprintf "INSERT INTO tracer.decision (kind, alert_id, other_id, decided_by) VALUES ('%s', %d, %s, 'me');\n", $kind, $alert * 1024, $other ? $other * 1024 : 'NULL';
}
case 'join', '1 2<1', 'a@0 b@1h', sql => decide('join', 2, 1);
case 'join takes the episode and what is below it', '1 2<1 3 4<2', 'a@0 b@1h c@2h d@3h', lineage => 'a>b c>d', sql => decide('join', 4, 2);
case 'join closes no circle', '1 2<1', 'a@0 b@1h', sql => decide('join', 2, 1) . decide('join', 1, 2);
case 'part', '1 2 3<2', 'a@0 b@1h c@2h', lineage => 'a>b b>c', sql => decide('part', 2);
case 'part after join', '1 2', 'a@0 b@1h', sql => decide('join', 2, 1) . decide('part', 2);
case 'root', '1<3 2<1 3', 'a@0 b@1h c@2h', lineage => 'a>b b>c', sql => decide('root', 3);
case 'part from a suspect', '1*s 2<1 3', 'x@0 y@10m z@11m', lineage => 's>x s>y s>z', sql => decide('part', 3);

# The four cascades, all at once.
{
	my $sql = "SELECT oracle.reset(); SELECT oracle.forget();\n";
	my (@alerts, @expect);
	my $quote = sub { my $s = shift; return 'NULL' unless defined $s; $s =~ s/'/''/g; return "'$s'" };
	for my $file (sort glob "$top/test/data/cascades/*.json")
	{
		my $c = decode_json(slurp_file($file));
		$sql .= sprintf "INSERT INTO tracer.asset (name) VALUES (%s);\n", $quote->($_->{name}) for @{ $c->{assets} };
		for my $kind (qw(lineage runs))
		{
			$sql .= sprintf "INSERT INTO tracer.lineage (upstream, downstream, kind) SELECT u.asset_id, d.asset_id, '%s' FROM tracer.asset u, tracer.asset d WHERE u.name = '%s' AND d.name = '%s';\n",
			  $kind eq 'runs' ? 'runs' : 'data', @$_ for @{ $c->{$kind} // [] };
		}
		$sql .= sprintf "INSERT INTO tracer.change (asset, kind, title, changed_at) VALUES (%s, %s, %s, %s);\n", map { $quote->($_) } @{$_}{qw(asset kind title changed_at)} for @{ $c->{changes} };
		push @alerts, @{ $c->{alerts} };
		push @expect, "$c->{expect}{origin} $c->{expect}{symptoms}";
	}
	my $n = 0;
	for (sort { $a->{title} cmp $b->{title} } @alerts)
	{
		$n++;
		$sql .= sprintf "INSERT INTO tracer.alert (alert_id, url, asset, title, severity, source, run_id, fired_at) VALUES (%d, '%d', %s);\n",
		  $n * 1024, $n, join(', ', map { $quote->($_) } @{$_}{qw(asset title severity source run_id fired_at)});
	}
	$node->safe_psql('postgres', $sql);
	for my $who (qw(partition placed))
	{
		$node->safe_psql('postgres', 'SELECT tracer.correlate()') if $who eq 'placed';
		is($node->safe_psql('postgres', "SELECT format('%s %s', o.asset, count(*) - 1) FROM oracle.$who() w JOIN tracer.alert o ON o.alert_id = w.origin_alert GROUP BY o.asset ORDER BY o.asset COLLATE \"C\""),
			join("\n", sort @expect), "four cascades are four incidents: $who");
	}
}

# Random scenarios.
my $first = $ENV{TRACER_SEED} // 1;
my $count = $ENV{TRACER_SEEDS} // 150;
my @kept = (615);    # once differed, as they are without being made worse
for my $seed (@kept, $first .. $first + $count - 1)
{
	my $worse = $seed % 2 && !grep({ $_ == $seed } @kept) ? "SELECT oracle.worsen($seed);" : '';
	my $got = $node->safe_psql('postgres', <<"SQL");
SELECT oracle.generate($seed);
$worse
SELECT oracle.forget();
TRUNCATE oracle.handed_out;
SELECT tracer.correlate();
SELECT 'correlate() and the oracle differ: ' || alert || ': ' || difference FROM oracle.differences();
SELECT 'broken: ' || b FROM oracle.broken(true) b;
SQL
	my @bad = grep { /^correlate\(\) and|^broken/ } split /\n/, $got;
	ok(!@bad, "seed $seed") or diag(join "\n", @bad, $node->safe_psql('postgres', 'SELECT oracle.describe()'));
}

$node->stop;
done_testing();
