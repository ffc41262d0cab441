# What Slack gets is what Slack's own types allow: payloads of both kinds, of
# every event and with hostile words, checked by the TypeScript compiler against
# npm's @slack/types.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use TracerTest;

system('npm --version >/dev/null 2>&1') == 0
  or plan skip_all => 'npm IS MISSING: Slack payloads are not type-checked (Debian: npm)';
my $dir = PostgreSQL::Test::Utils::tempdir();
system("cd $dir && npm install --silent --no-audit --no-fund \@slack/types typescript >npm.log 2>&1") == 0
  or plan skip_all => 'npm CANNOT INSTALL @slack/types: Slack payloads are not type-checked';

my $node = new_node('main');
new_database($node, 'slack');
$node->safe_psql(
	'slack', q{
	SELECT tracer.link('raw', 'orders');
	UPDATE tracer.asset SET owner = 'platform', runbook_url = 'https://example.com/guide';
	INSERT INTO tracer.channel (name, kind, settings) VALUES ('bot', 'slack', '{"channel": "C0123456789"}'),
	  ('room', 'slack', '{"channel": "C0123456789", "incident_channel": true}'), ('hook', 'slack_webhook', '{"url": "https://hooks.slack.com/services/x"}');
	SELECT tracer.set('incident_url', 'https://example.com/incidents/{incident}');
	INSERT INTO tracer.alert (asset, title) VALUES ('raw', '<!channel> <@U1> & *bold* ' || repeat('long ', 2000)), ('orders', E'two\nlines');
	SELECT tracer.correlate()});
my @bodies = split /\n/, $node->safe_psql(
	'slack', q{
	SELECT replace(p.body, E'\n', ' ')
	  FROM tracer.incidents i, unnest('{bot,room,hook}'::text[]) AS c (name),
	       unnest('{opened,root_changed,merged,split,symptoms,note,acknowledged,resolved,reopened,severity,escalated,repeat}'::text[]) AS e (event),
	       tracer.preview(c.name, i.incident_id, e.event) p});
is(scalar(@bodies), 36, 'every event is rendered');
unlike(join('', @bodies), qr/<[!@]/, 'no word of an alert begins a mention');
cmp_ok(length($_), '<', 13000, 'a payload stays below what Slack takes') foreach (sort { length($b) <=> length($a) } @bodies)[0];

append_to_file("$dir/payloads.ts",
	"import { KnownBlock } from '\@slack/types';\n"
	  . "interface Message { text: string; blocks: KnownBlock[]; channel?: string; unfurl_links?: boolean; unfurl_media?: boolean; thread_ts?: string; ts?: string; reply_broadcast?: boolean }\n"
	  . join('', map { "export const p$_: Message = $bodies[$_];\n" } 0 .. $#bodies));
my $said = `cd $dir && npx tsc --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext payloads.ts 2>&1`;
is($said, '', 'the compiler agrees with every payload');

# It would notice.
append_to_file("$dir/wrong.ts", "import { KnownBlock } from '\@slack/types';\nexport const b: KnownBlock[] = [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }];\n");
isnt(system("cd $dir && npx tsc --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext wrong.ts >/dev/null 2>&1"), 0, 'and would not with a wrong one');

$node->stop;
done_testing();
