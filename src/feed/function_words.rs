//! Function words of the languages in which most news is written. They say in which language a text is, and that two texts
//! which share them may still be about different things.

use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};

/// The number of characters of a word that the table has.
pub const CUT: usize = 6;

/// The language of a primary subtag, as a bit; 0 for a language whose function words are not known.
pub fn bit_of(language: &str) -> u32 {
    WORDS.iter().position(|(known, _)| *known == language).map_or(0, |place| 1 << place)
}

/// Whether a word is a function word of the language with this bit. The word is folded (`search::words::fold`) and cut to
/// [`CUT`] characters.
pub fn is_one(language: u32, word: &str) -> bool {
    LANGUAGES.get(word).is_some_and(|of| of & language != 0)
}

/// How often words are function words of each language.
#[derive(Clone, Debug, Default)]
pub struct Counts([u32; WORDS.len()]);

/// The language that has most of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leading {
    /// BCP 47.
    pub language: &'static str,
    pub count: u32,
    /// The count of the next language.
    pub next: u32,
}

impl Counts {
    /// Counts a word, which is folded and cut.
    pub fn add(&mut self, word: &str) {
        if let Some(of) = LANGUAGES.get(word) {
            for (place, count) in self.0.iter_mut().enumerate() {
                *count += of >> place & 1;
            }
        }
    }

    /// How many words are function words of a language; 0 for a language whose function words are not known.
    pub fn of(&self, language: &str) -> u32 {
        let place = WORDS.iter().position(|(known, _)| *known == language);
        place.and_then(|place| self.0.get(place)).copied().unwrap_or_default()
    }

    /// The language that has most of the words; `None` if there is none. The first one if there are several.
    pub fn leading(&self) -> Option<Leading> {
        let mut found: Option<Leading> = None;
        for (count, (language, _)) in self.0.iter().copied().zip(WORDS) {
            found = match found {
                Some(first) if count <= first.count => {
                    Some(Leading { next: first.next.max(count), ..first })
                }
                Some(Leading { count: next, .. }) => Some(Leading { language, count, next }),
                None if 0 < count => Some(Leading { language, count, next: 0 }),
                None => None,
            };
        }
        found
    }
}

/// For each function word the places of its languages in [`WORDS`], as bits.
static LANGUAGES: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
    let mut languages = HashMap::new();
    for (place, (_, words)) in WORDS.iter().enumerate() {
        for word in words.split(' ') {
            *languages.entry(word).or_default() |= 1 << place;
        }
    }
    languages
});

/// For each language its function words folded and cut, of at least two characters.
pub const WORDS: [(&str, &str); 24] = [
    (
        "ar",
        "في من علي الي ان عن مع هذا هذه التي الذي ما لا كان بعد قد كل بين لم هو هي ذلك او قبل حتي \
         عند منذ خلال كما ثم غير اي اكثر به لها له",
    ),
    (
        "cs",
        "je na se ze to do ve za si ale jako po od tak ktere ktery take pro by uz byt pri jeho \
         jsou byl bude podle az nebo jen ktera mezi pred ma roku jejich pak vsak nez kde proto",
    ),
    (
        "da",
        "og det at en den til er som pa de med han af for ikke der var mig sig men et har om vi \
         min havde ham hun nu over da fra du ud sin dem os op man hans hvor eller hvad skal her \
         efter ogsa ved bliver kan mod",
    ),
    (
        "de",
        "der die das und in den von zu mit sich des auf fur ist im dem nicht ein eine als auch es \
         an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem uber einen \
         so zum haben nur oder aber vor zur bis mehr durch man sein wurde wegen gegen unter ab \
         wenn jetzt ihr ihre sei seine neue neuer was wir ich war hatte kann",
    ),
    (
        "el",
        "και το να του τησ την για με που απο στην οι τα στο οτι θα τον δεν των ειναι τη σε στη \
         μια τισ ενα στισ στα κατα μετα αλλα οπωσ",
    ),
    (
        "en",
        "the of to and in is for on that with as at by it from be are was has have will an or not \
         this but his her their its they he she we you who been were had after over about into \
         out up more than said new how what when why which can could would may us our all one two \
         first also",
    ),
    (
        "es",
        "de la que el en los del las un por con una su para es al lo como mas pero sus le ha se \
         no este esta entre cuando muy sin sobre tambie me hasta hay donde han quien desde todo \
         nos durant uno ni contra ese eso ante ellos tras fue son ser dos anos",
    ),
    (
        "fa",
        "در به از كه اين را با است براي ان يك خود تا كرد بر هم نيز شد مي شده گفت اما يا وي ها \
         بايد هر شود كند بود",
    ),
    (
        "fi",
        "ja on ei se etta oli mutta joka kun niin myos han kuin ovat sen tai seka ole jo mukaan \
         sita nyt vain kanssa jos siita mita voi tama hanen olla jalkee vuoden",
    ),
    (
        "fr",
        "de la le et les des en un du une que est pour qui dans sur au par plus pas avec ne se ce \
         il son sa ses ont ete aux mais ou comme cette leur elle ils sont on nous vous apres \
         entre sans sous tout fait etre avoir deux dont ces meme selon contre depuis",
    ),
    (
        "hi",
        "के में की है से को का और पर ने एक हैं भी कि इस नहीं हो लिए था यह कर बाद गया तो साथ रहा \
         थी",
    ),
    (
        "hu",
        "az es hogy nem is egy ez volt de meg mar csak el van ha azt mint lehet utan ki minden \
         vagy lesz ezt kozott szerin amely",
    ),
    (
        "id",
        "yang dan di untuk dengan dari pada ini itu dalam tidak akan oleh ke adalah juga telah \
         ada bisa karena saat terseb kata para sebaga tahun",
    ),
    (
        "it",
        "di che la il un per in una sono del non con si da al le dei della come nel alla piu ma \
         anche gli lo dal delle su ha ai nella se sua suo dalla tra questo questa stato essere \
         dopo due tutti sulla degli agli contro senza loro anni",
    ),
    (
        "nb",
        "og det at en den til er som pa de med han av for ikke der var meg seg men et har om vi \
         min hadde ham hun na over da fra du ut sin dem oss opp man kan hans hvor eller hva skal \
         etter ogsa ved blir mot",
    ),
    (
        "nl",
        "de van het een en in is dat op te zijn met voor niet aan er om ook als dan maar bij nog \
         uit door over na naar ze hij wordt heeft die tot worden werd meer kan deze hebben al of \
         wel geen tegen zich onder moet was je ik we",
    ),
    (
        "pl",
        "nie sie to na ze jest do jak za po co ale od tak by czy juz dla tylko przez jego przy sa \
         moze takze byl oraz ktore ktory ktora jej ich pod bez przed wiec ma bedzie tym tego roku",
    ),
    (
        "pt",
        "de que em um para com nao uma os no se na por mais as dos como mas ao ele das seu sua ou \
         quando muito nos ja eu tambem so pelo pela ate isso ela entre depois sem mesmo aos seus \
         quem nas me esse eles foi ser sao tem esta apos sobre dois anos diz",
    ),
    (
        "ro",
        "de in si la cu pe din un care nu pentru ca mai este au fost se ce al sau dar dupa prin \
         fi lui aceast intre sunt cum ar sai catre toate anul",
    ),
    (
        "ru",
        "на не что по как из за от это его для или но они он она все так же бы был было были быть \
         еще уже если при до во со об их ее мы вы кто где когда может после которы также том года \
         более",
    ),
    (
        "sv",
        "och att det som en pa ar av for med till den har de inte om ett han men var jag sig fran \
         vi sa kan nar ut under efter ska vid nu aven mot hade sina sin blir mer man eller over \
         an alla nya",
    ),
    (
        "tr",
        "bir ve bu da de icin ile cok olarak daha en olan gibi ne kadar var ama sonra ki mi her \
         ya oldu ise gore diye degil yeni etti oldugu tarafi dedi bin",
    ),
    (
        "uk",
        "на не що по як із за від це иого для або але вони він вона все так же був було були бути \
         ще вже якщо при до зі про іх іі ми ви хто де коли може після якии також року та більше",
    ),
    (
        "vi",
        "va cua la co duoc cho trong voi mot cac nguoi khong nay da khi tu den nhung ve nhu tai \
         sau de ra vao nam nhieu",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_language_lead_to_it() {
        for (language, words) in WORDS {
            let mut counts = Counts::default();
            words.split(' ').for_each(|word| counts.add(word));
            let leading = counts.leading().unwrap();
            let all = u32::try_from(words.split(' ').count()).unwrap();
            assert_eq!((leading.language, leading.count), (language, all));
            assert_eq!((counts.of(language), counts.of("xx")), (all, 0));
            assert!(leading.next < all, "{leading:?}");
            assert!(is_one(bit_of(language), words.split(' ').next().unwrap()), "{language}");
        }
        assert!(!is_one(bit_of("en"), "harbou") && !is_one(bit_of("xx"), "the"));
        assert_eq!(Counts::default().leading(), None);
    }
}
