# The server's clock is set back by an hour, and on by two, while the sender waits:
# messages go out all the same, and no request is given more time than it has.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerHttp;
use TracerTest;

my ($clock, $set_clock) = fake_clock();
my $port = start_server('receiver', 'receiver.py');
my $node;
{
	local $ENV{LD_PRELOAD} = join(':', grep { $_ } $ENV{LD_PRELOAD}, $clock);
	$node = new_node('main', "shared_preload_libraries = 'tracer'", 'tracer.allow_private_addresses = on');
}
new_database($node, 'live');

sub sent
{
	my ($what) = @_;
	my $id = $node->safe_psql('live', "SELECT tracer.test_channel('ok')");
	ok(wait_until(sub { $node->safe_psql('live', "SELECT state FROM tracer.notification WHERE notification_id = $id") eq 'sent' }, $what, 20), $what);
	return;
}

$node->safe_psql('live', "INSERT INTO tracer.channel (name, kind, settings) VALUES ('ok', 'webhook', '{\"url\": \"http://127.0.0.1:$port/ok\"}')");
sent('a message is sent');
my $before = $node->safe_psql('live', 'SELECT clock_timestamp()');
$set_clock->(-3600);
is($node->safe_psql('live', "SELECT clock_timestamp() < '$before'"), 't', 'the clock is set back');
sent('another one is sent');
$set_clock->(7200);
sent('and one when it is set on');
$node->stop;
done_testing();
