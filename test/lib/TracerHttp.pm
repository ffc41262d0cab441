# TracerHttp.pm: servers that notifications are sent to, for TAP tests.
package TracerHttp;
use strict;
use warnings;
use Exporter 'import';
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_server stop_server server_log make_certificates build_drive wait_until);

my %servers;

sub top { return $ENV{TRACER_TOP}; }

# start_server(name, script, args...): one of test/http/*.py; returns its port.
sub start_server
{
	my ($name, $script, @args) = @_;
	my $dir = $PostgreSQL::Test::Utils::tmp_check;
	my $log = "$dir/$name.log";
	my ($out, $err) = ("$dir/$name.out", "$dir/$name.err");
	unlink $out;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $out);
		open(STDERR, '>', $err);
		exec('python3', '-B', top() . "/test/http/$script", $log, @args) or exit 1;
	}
	$servers{$name} = { pid => $pid, log => $log };
	wait_until(sub { -s $out && slurp_file($out) =~ /ready (\d+)/ }, "server $name listens", 20)
	  or diag(slurp_file($err));
	slurp_file($out) =~ /ready (\d+)/ or BAIL_OUT("no server $name");
	return $servers{$name}{port} = $1;
}

sub stop_server
{
	my ($name) = @_;
	my $server = delete $servers{$name} or return;
	kill('TERM', $server->{pid});
	waitpid($server->{pid}, 0);
	return;
}

# What a server got, as a list of hashes.
sub server_log
{
	my ($name) = @_;
	my $log = "$PostgreSQL::Test::Utils::tmp_check/$name.log";
	return () unless -f $log;
	return map { decode_json($_) } grep { /\}$/ } split(/\n/, slurp_file($log));
}

# wait_until(condition, what, seconds)
sub wait_until
{
	my ($condition, $what, $seconds) = @_;
	foreach (1 .. ($seconds // 30) * 20)
	{
		return 1 if $condition->();
		usleep(50_000);
	}
	fail("timed out: $what");
	return 0;
}

# A CA of our own and a certificate for localhost and 127.0.0.1, signed by it.
sub make_certificates
{
	my ($dir) = @_;
	mkdir $dir;
	open(my $ext, '>', "$dir/ext") or die $!;
	print $ext "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
	close $ext;
	my @commands = (
		"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tracer-test-ca -keyout $dir/ca.key -out $dir/ca.pem",
		"openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout $dir/key.pem -out $dir/csr",
		"openssl x509 -req -in $dir/csr -CA $dir/ca.pem -CAkey $dir/ca.key -CAcreateserial -days 2 -extfile $dir/ext -out $dir/cert.pem");
	foreach my $command (@commands)
	{
		system("$command >$dir/log 2>&1") == 0 or die slurp_file("$dir/log");
	}
	return;
}

# The sender's HTTP side as a program (test/http/drive.c).
sub build_drive
{
	my ($out, @flags) = @_;
	my $top = top();
	my $libs = `pkg-config --libs libcurl 2>/dev/null || curl-config --libs`;
	chomp $libs;
	my $cc = $ENV{CC} || 'cc';
	my $command = "$cc -std=gnu11 -g -O1 @flags -I$top/src $top/test/http/drive.c $top/src/send/http.c $top/src/send/transfer.c $top/src/send/policy.c -o $out $libs";
	system($command) == 0 or die "failed: $command";
	return;
}

END
{
	my $status = $?;
	stop_server($_) foreach keys %servers;
	$? = $status;
}

1;
