# TracerGateway.pm: what the tests of contrib/gateway share.
#
# The gateway is built with AddressSanitizer and UndefinedBehaviorSanitizer: an
# access out of bounds or a leak ends it with a status other than 0, and
# stop_gateway() checks that.
package TracerGateway;

use strict;
use warnings;

use Exporter ();
use HTTP::Tiny;
use IO::Socket::INET;
use POSIX ':sys_wait_h';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(alarm sleep time);
use TracerTest;

our @EXPORT = qw(gateway_database start_gateway stop_gateway token url http raw_http wait_until alert_count);

my $program;
my %running;

# A test that dies leaves no gateway behind.
END { kill('KILL', keys %running) if %running; }

# Without the libraries there is nothing to test.
sub import
{
	if (!grep { -f "$_/microhttpd.h" } qw(/usr/include /usr/local/include /opt/homebrew/include))
	{
		plan(skip_all => 'libmicrohttpd is not installed');
	}
	goto &Exporter::import;
}

# Builds it once for all tests that run in this tree.
sub program
{
	return $program if $program;
	my $dir = top() . '/contrib/gateway';
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';

	system("make -s -C '$dir' BUILD='$dir/build/sanitized' SANITIZE=1 PG_CONFIG='$pg_config' CFLAGS='-O1 -g' 1>&2") == 0
	  or BAIL_OUT('contrib/gateway does not build');
	return $program = "$dir/build/sanitized/tracer-gateway";
}

# A database with tracer and a role that may be the gateway's.
sub gateway_database
{
	my ($node, $db) = @_;

	new_database($node, $db);
	$node->safe_psql($db, q{
		DO $$ BEGIN IF to_regrole('gateway') IS NULL THEN CREATE ROLE gateway LOGIN; END IF; END $$;
		SELECT tracer.grant_access('gateway', 'writer');
	});
	return;
}

# Starts it on a free port; the options are settings.
sub start_gateway
{
	my ($node, $db, %settings) = @_;
	my $log = PostgreSQL::Test::Utils::tempdir() . '/gateway' . time();
	my $conninfo = $node->connstr($db) . ' user=gateway';
	my @options = map { ('-o', "$_=$settings{$_}") } sort keys %settings;
	my $program = program();

	append_to_file($log, "");
	my $pid = fork() // die "cannot fork: $!";

	if ($pid == 0)
	{
		%running = ();
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $log) or die $!;
		open(STDERR, '>>', $log) or die $!;
		$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
		exec($program, '-o', "database=$conninfo", '-o', 'listen=127.0.0.1:0', @options) or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	my $gateway = { pid => $pid, log => $log };

	wait_until(sub { slurp_file($log) =~ /listening on .*, port (\d+)/ and $gateway->{port} = $1 })
	  or BAIL_OUT('the gateway does not start: ' . slurp_file($log));
	return $gateway;
}

# Ends it and waits; returns its exit status. What the sanitizers said is shown.
sub stop_gateway
{
	my ($gateway, $signal) = @_;
	my $done;

	kill($signal // 'TERM', $gateway->{pid});
	wait_until(sub { $done = waitpid($gateway->{pid}, WNOHANG) != 0 }, 60);
	my $status = $done ? $? : -1;
	kill('KILL', $gateway->{pid}), waitpid($gateway->{pid}, 0) if !$done;
	delete $running{ $gateway->{pid} };
	diag(slurp_file($gateway->{log})) if $status != 0 && ($signal // 'TERM') ne 'KILL';
	return $status;
}

sub token
{
	my ($node, $db, $source, $more) = @_;

	return $node->safe_psql($db, 'SELECT tracer.create_gateway_token(' . quoted($source) . ($more ? ", $more" : '') . ')');
}

sub url { my ($gateway, $path) = @_; return "http://127.0.0.1:$gateway->{port}$path"; }

# One request: (status, body, headers).
sub http
{
	my ($gateway, $method, $path, %o) = @_;
	my $r = HTTP::Tiny->new(timeout => 30, max_redirect => 0)->request(
		$method,
		url($gateway, $path),
		{
			headers => { ($o{token} ? (Authorization => "Bearer $o{token}") : ()), %{ $o{headers} // {} } },
			defined $o{body} ? (content => $o{body}) : ()
		});

	return ($r->{status}, $r->{content}, $r->{headers});
}

# Bytes as they are, and all that comes back until the other side closes.
sub raw_http
{
	my ($gateway, $bytes, %o) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $gateway->{port}, Timeout => 10) or return undef;
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { die "no end\n" };
	eval {
		alarm($o{seconds} // 20);
		print $s $bytes;
		$s->flush;
		shutdown($s, 1) if $o{half_close};
		while (sysread($s, my $part, 65536)) { $answer .= $part; }
		alarm(0);
	};
	alarm(0);
	close($s);
	return $answer;
}

sub wait_until
{
	my ($what, $seconds) = @_;
	my $end = time() + ($seconds // 30);

	while (time() < $end)
	{
		return 1 if $what->();
		sleep(0.05);
	}
	return 0;
}

sub alert_count
{
	my ($node, $db, $where) = @_;

	return $node->safe_psql($db, 'SELECT count(*) FROM tracer.alert' . ($where ? " WHERE $where" : ''));
}

1;
