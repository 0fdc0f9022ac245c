//! The agent speaks: marks, barge-in, and speech that fails on the way.

use operetta_call::PhaseName::{Speaking, Thinking};

use crate::Row;

pub(crate) const ROWS: &[Row] = &[
        ("heard to its end", "", Speaking, "
            +3800   done #5            => mark 2
            +5700   mark 2             => enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course, is ten all right?"),
        ("the caller cuts in while it comes: half of it was heard", "", Speaking, "
            +4700   spoke #1           => cancel #5, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course, is (cut)
            +4800   audio #5 500       => note stale #5
            +4800   done #5            => note stale #5"),
        ("the caller cuts in while it plays: half of it was heard", "", Speaking, "
            +3800   done #5            => mark 2
            +4700   spoke #1           => clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course, is (cut)
            +4710   mark 2             => note unknown_mark"),
        ("the caller cuts in and nothing comes of it: the agent has been heard and waits", "", Speaking, "
            +4700   spoke #1           => cancel #5, clear, note barge_in, enter listening
            +4900   paused #1          => flush #2 2
            +5000   final #2 2
            +5300   time               => note empty_turn
                    due                => +14.900"),
        ("the caller answers before the mark is back: nobody was interrupted", "", Speaking, "
            +3800   done #5            => mark 2
            +5700   spoke #1           => clear, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course, is ten all right?"),
        ("the caller cuts in at the first sound: what was said before stays whole", "", Speaking, "
            +3800   done #5            => mark 2
            +5700   mark 2             => enter listening
            +15700  time               => note timed_out caller, speak #6 still_there, enter speaking
            +15800  audio #6 1000      => play 1000
            +15810  spoke #1           => cancel #6, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: Of course, is ten all right?"),
        ("cut between two sentences: the agent was not done", "", Thinking, "
            +3600   reply #4 One. Two. Three => speak #5 'One.', enter speaking
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2, speak #6 'Two.'
            +4700   mark 2
            +4710   spoke #1           => cancel #4, cancel #6, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: One. (cut)"),
        ("a key cuts in", "", Speaking, "
            +4700   key 1              => cancel #5, clear, note barge_in, enter listening
            +6700   time               => note turn_ended, think #6, enter thinking"),
        ("the caller may not cut in: what they say meanwhile is no turn", "no_barge_in", Speaking, "
            +3800   done #5            => mark 2
            +4000   spoke #1
            +4100   key 5
            +4500   paused #1
            +5700   mark 2             => enter listening
                    due                => +15.700"),
        ("the caller may not cut in, and goes on after the agent: that is a turn", "no_barge_in", Speaking, "
            +3800   done #5            => mark 2
            +5000   spoke #1
            +5700   mark 2             => enter listening
            +6000   paused #1          => flush #2 2
            +6100   final #2 2 yes please
            +6400   time               => note turn_ended, think #6, enter thinking"),
        ("sentence after sentence, one ahead of what plays", "", Thinking, "
            +3600   reply #4 One. Two. Three. Four => speak #5 'One.', enter speaking
            +3700   audio #5 1000      => play 1000
            +3710   done #5            => mark 2, speak #6 'Two.'
            +3720   audio #6 1000      => play 1000
            +3730   done #6            => mark 3
            +4700   mark 2             => speak #7 'Three.'
            +4750   reply_done #4 listen
            +4800   audio #7 1000      => play 1000
            +4800   done #7            => mark 4
            +5700   mark 3             => speak #8 'Four'
            +5800   audio #8 500       => play 500
            +5800   done #8            => mark 5
            +6700   mark 4
            +7200   mark 5             => enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: One. Two. Three. Four"),
        ("cut in the second sentence: the first was heard", "", Thinking, "
            +3600   reply #4 One moment. I will look it up. => speak #5 'One moment.', enter speaking
            +3610   reply_done #4 listen
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2, speak #6 'I will look it up.'
            +3800   audio #6 2000      => play 2000
            +4700   mark 2
            +5700   spoke #1           => cancel #6, clear, note barge_in, enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: One moment. I will (cut)"),
        ("a mark is lost: the next one tells as much", "", Thinking, "
            +3600   reply #4 One. Two  => speak #5 'One.', enter speaking
            +3610   reply_done #4 listen
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2, speak #6 'Two'
            +3700   audio #6 1000      => play 1000
            +3700   done #6            => mark 3
            +5700   mark 3             => enter listening
            +5700   mark 2             => note unknown_mark
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: One. Two"),
        ("no mark ever comes back", "", Thinking, "
            +3600   reply #4 One. Two  => speak #5 'One.', enter speaking
            +3610   reply_done #4 listen
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2, speak #6 'Two'
            +3700   audio #6 1000      => play 1000
            +3700   done #6            => mark 3
                    due                => +7.200
            +7200   time               => note timed_out mark
            +8200   time               => note timed_out mark, enter listening"),
        ("the reply is slow to be voiced", "", Thinking, "
            +3600   reply_done #9 listen => note stale #9
            +3600   reply #4 One
            +3700   reply_done #4 listen => speak #5 'One', enter speaking
            +4600   time               => comfort 200
            +6200   time               => speak #6 (one moment)
            +6200   audio #6 1000      => play 1000
            +6200   done #6
            +13700  time               => note timed_out audio, cancel #5, note speech_failed, speak #7 (apology)"),
        ("a gap inside an utterance", "", Speaking, "
                    due                => +6.600
            +6600   time               => comfort 200
            +8699   time               => comfort 200
            +8700   time               => note timed_out audio, cancel #5, note speech_failed, mark 2, speak #6 'Of course, is ten all right?'"),
        ("the voice fails on the way: another says the sentence again, and the rest", "", Thinking, "
            +3600   reply #4 One. Two. Three => speak #5 'One.', enter speaking
            +3700   audio #5 1000      => play 1000
            +3800   failed #5 later    => note speech_failed, mark 2, speak #6 'One.'
            +3900   audio #6 1000      => play 1000
            +4000   done #6            => mark 3
            +4700   mark 2             => speak #7 'Two.'
                    dialogue           => agent: Hello, how can I help you? | caller: book it
            +4800   audio #7 1000      => play 1000
            +4900   done #7            => mark 4
            +5700   mark 3
                    dialogue           => agent: Hello, how can I help you? | caller: book it | agent: One."),
        ("the voice fails again on the way: an apology takes the place of the rest", "", Thinking, "
            +3600   reply #4 One. Two. Three => speak #5 'One.', enter speaking
            +3700   audio #5 1000      => play 1000
            +3800   failed #5 never    => note speech_failed, mark 2, speak #6 'One.'
            +3900   audio #6 200       => play 200
            +3900   failed #6 later    => note speech_failed, mark 3, speak #7 'One.'
            +4000   audio #7 200       => play 200
            +4000   failed #7 later    => note speech_failed, mark 4, cancel #4
            +4700   mark 2
            +4900   mark 3             => speak #8 (apology)
            +4900   audio #8 1000      => play 1000
            +4900   done #8            => mark 5
            +5100   mark 4
            +6100   mark 5             => enter listening
                    dialogue           => agent: Hello, how can I help you? | caller: book it"),
        ("no voice can say the rest, and the agent connects to a person then", "transfer_on_failure", Thinking, "
            +3600   reply #4 One. Two. Three => speak #5 'One.', enter speaking
            +3700   failed #5 later    => note speech_failed, cancel #4, speak #6 (apology)
            +3700   audio #6 1000      => play 1000
            +3700   done #6            => mark 2
            +4700   mark 2             => cancel #1, cancel #2, enter closed, close transferred"),
        ("the mind fails on the way: what it said stands", "", Thinking, "
            +3600   reply #4 One. Two. Three => speak #5 'One.', enter speaking
            +3700   failed #4 now      => note mind_failed
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2, speak #6 'Two.'
            +3700   failed #6 never    => note speech_failed, speak #7 (apology)
            +3700   failed #7 never    => note speech_failed
            +4700   mark 2             => enter listening"),
        ("the mind falls silent on the way", "", Thinking, "
            +3600   reply #4 One. Two  => speak #5 'One.', enter speaking
            +3700   audio #5 1000      => play 1000
            +3700   done #5            => mark 2
            +4700   mark 2
                    due                => +7.200
            +7200   time               => speak #6 (one moment)
            +7200   audio #6 1000      => play 1000
            +7200   done #6
            +10700  time               => speak #7 (one moment)
            +10700  audio #7 1000      => play 1000
            +10700  done #7
                    due                => +11.600
            +11600  time               => note timed_out mind, cancel #4, enter listening"),
        ("a mind that goes round in circles is stopped", "", Thinking, "
            +3600   reply #4 a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z. a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z. a. b. c. d. e. f. g. h. i. j. k. l. m. n => note mind_failed, cancel #4, speak #5 'a.', enter speaking"),
        ("the agent hangs up when its goodbye has been heard", "", Thinking, "
            +3600   reply #4 Goodbye
            +3650   reply_done #4 hang_up => speak #5 'Goodbye', enter speaking
            +3700   audio #5 800       => play 800
            +3700   done #5            => mark 2
            +4500   mark 2             => cancel #1, cancel #2, enter closed, close agent_hung_up"),
        ("the agent hangs up when the mark of its goodbye is lost", "", Thinking, "
            +3600   reply #4 Goodbye
            +3650   reply_done #4 hang_up => speak #5 'Goodbye', enter speaking
            +3700   audio #5 800       => play 800
            +3700   done #5            => mark 2
            +6999   time
            +7000   time               => note timed_out mark, cancel #1, cancel #2, enter closed, close agent_hung_up"),
        ("the caller has something to say to the goodbye", "", Thinking, "
            +3600   reply #4 Goodbye
            +3650   reply_done #4 hang_up => speak #5 'Goodbye', enter speaking
            +3700   spoke #1           => cancel #5, clear, note barge_in, enter listening"),
        ("a transfer is not stopped by a word", "", Thinking, "
            +3600   reply #4 I connect you
            +3650   reply_done #4 transfer => speak #5 'I connect you', enter speaking
            +3700   audio #5 800       => play 800
            +3700   spoke #1
            +3700   key 0
            +3700   done #5            => mark 2
            +4500   mark 2             => cancel #1, cancel #2, enter closed, close transferred"),
        ("what others say while the agent speaks", "", Speaking, "
            +3800   final #2 - yes
            +3800   final #9 - yes     => note stale #9
            +3800   reply #4 more      => note stale #4
            +3800   audio #3 20        => note stale #3
            +3800   mark 7             => note unknown_mark
            +3800   failed #1 now      => note ears_failed, detect #6"),
];
