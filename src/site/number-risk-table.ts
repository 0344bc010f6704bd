/**
 * Who earns by calls from abroad, and how much is held against whom: our own selection and scoring of what is named again and
 * again by fraud advisories of carriers and PBX makers, by regulators' warnings of one-ring calls (Ofcom, Bundesnetzagentur,
 * FCC, CRTC), and by the CFCA's loss surveys, which name the countries where fraudulent calls end. How the trade works:
 * Europol and Trend Micro, "Cyber-Telecom Crime Report" (2019); Sahin, Francillon, Gupta, Ahamad, "SoK: Fraud in Telephony
 * Networks" (EuroS&P 2017); Sahin and Francillon, "Understanding and Detecting International Revenue Share Fraud" (NDSS
 * 2021): numbers are on offer in many countries and change often, so that no list is ever complete. Which ranges belong to
 * territories inside +44, +61 and the shared codes is the regulators' and the ITU's to say.
 * test/site/number-risk-evaluation.test.ts measures what the table is worth.
 */

/** Score of a call to a country from abroad, where it is not the usual 25. */
export const COUNTRY_SCORES: readonly (readonly [score: number, why: string, countries: string])[] = [
  [10, '', 'AT AU BE CA CH CZ DE DK ES FI FR GR HU IE IS IT JP LU NL NO NZ PL PT SE SI SK SG US PR VI GU MP AX SJ VA'],
  [20, '', 'GB BR CN CY HK HR IL IN KR MT MX TR TW ZA AE RO BG'],
  [35, 'mobile and special ranges cost far more than the mainland', 'GG JE IM GI AD GP MQ GF BL MF PM RE YT'],
  [40, 'special ranges are used for revenue share', 'MC LI SM FO GL UA RU KZ KG UZ GE AM PK BD VN ID PH EG MA NG KE'],
  [55, 'mobile ranges are often used for revenue share', 'EE LT RS ME MD AZ TJ TM LK MM KH LA NP IQ SY LB YE AF PS DZ'],
  [65, 'ranges are often used for revenue share', 'LV BY BA AL XK MK'],
  [
    65,
    'Caribbean country inside +1, known for one-ring calls and dear call-backs',
    'AG AI BB BM BS DM DO GD JM KN KY LC MS SX TC TT VC VG',
  ],
  [60, 'ranges are often used for revenue share', 'GY SR HT BZ HN SV NI GT AW CW BQ EC'],
  [
    60,
    'high terminating fees, often used for revenue share',
    'SN ML BF NE BJ TG CI CM GA CG ET DJ RW UG MR ZM MW MZ ER SS',
  ],
  [
    70,
    'high terminating fees, often used for revenue share and one-ring calls',
    'SL GM GN GW LR BI TD CD CF ZW TN LY SD KM MG ST GQ CV SC SZ LS EH MV TL BT MN',
  ],
  [75, 'Pacific islands with high terminating fees', 'PG SB VU NR TV TK KI WS CK NU WF NC FM MH PW TO PF FJ AS NF BN'],
  [80, 'very few subscribers and very high terminating fees', 'CU SO AC SH TA IO FK KP'],
];

const EASTERN_MOBILE = 'mobile ranges are often used for revenue share';
const ISLAND_MOBILE = 'looks like a UK mobile number, costs far more and is used for revenue share';
const SERVICE = 'service range that no business has as its number';

/** Ranges that stand out from their country. E.164 digits without +. */
export const PREFIX_SCORES: readonly (readonly [prefix: string, score: number, why: string])[] = [
  // codes of no country
  ['870', 85, 'Inmarsat satellite, some of the dearest minutes there are'],
  ['881', 85, 'satellite network, some of the dearest minutes there are'],
  ['878', 60, 'universal personal numbers, hardly used for calls between people'],
  ['882', 85, 'shared code of international networks, a favourite of revenue share'],
  ['88216', 85, 'Thuraya satellite'],
  ['883', 85, 'shared code of international networks, a favourite of revenue share'],
  ['8835100', 40, 'iNum, cheap where it can be reached at all'],
  ['888', 70, 'global code that no subscriber uses'],
  ['979', 95, 'international premium rate: the caller pays the called party'],
  ['808', 40, 'international shared cost'],
  ['800', 0, ''],
  // the United Kingdom and its islands
  ['4470', 65, 'UK personal numbers (070) look like mobile numbers and cost like premium ones'],
  ['44871', 60, 'UK service numbers, charged by the minute in favour of the called party'],
  ['44872', 60, 'UK service numbers, charged by the minute in favour of the called party'],
  ['4476', 60, 'UK pager range, charged far above a mobile call'],
  ['447524', 62, `Isle of Man mobile: ${ISLAND_MOBILE}`],
  ['447624', 62, `Isle of Man mobile: ${ISLAND_MOBILE}`],
  ['447924', 62, `Isle of Man mobile: ${ISLAND_MOBILE}`],
  ['447781', 62, `Guernsey mobile: ${ISLAND_MOBILE}`],
  ['447839', 62, `Guernsey mobile: ${ISLAND_MOBILE}`],
  ['447911', 62, `Guernsey mobile: ${ISLAND_MOBILE}`],
  ['447509', 62, `Jersey mobile: ${ISLAND_MOBILE}`],
  ['447700', 62, `Jersey mobile: ${ISLAND_MOBILE}`],
  ['447797', 62, `Jersey mobile: ${ISLAND_MOBILE}`],
  ['447829', 62, `Jersey mobile: ${ISLAND_MOBILE}`],
  ['447937', 62, `Jersey mobile: ${ISLAND_MOBILE}`],
  // special ranges of countries that are called every day
  ['43810', 60, `Austrian ${SERVICE}`],
  ['43820', 60, `Austrian ${SERVICE}`],
  ['43821', 60, `Austrian ${SERVICE}`],
  ['43828', 60, `Austrian ${SERVICE}`],
  ['439', 85, 'Austrian premium rate'],
  ['3212', 60, `Belgian ${SERVICE}`],
  ['4190', 85, 'Swiss premium rate'],
  ['41860', 60, 'Swiss voicemail access range, used for revenue share'],
  ['41878', 60, 'Swiss personal numbers, charged far above a mobile call'],
  ['38643', 60, `Slovenian ${SERVICE}`],
  ['38649', 60, 'Slovenian range formerly lent to Kosovo'],
  ['38659', 62, 'Slovenian range of small operators, used for revenue share'],
  ['38681', 62, 'Slovenian range of small operators, used for revenue share'],
  ['38682', 62, 'Slovenian range of small operators, used for revenue share'],
  ['38683', 62, 'Slovenian range of small operators, used for revenue share'],
  ['38689', 75, 'Slovenian premium rate'],
  ['3869', 75, 'Slovenian premium rate'],
  ['4870', 60, 'Polish special range, charged above a geographic call'],
  ['40900', 85, 'Romanian premium rate'],
  ['40903', 85, 'Romanian premium rate'],
  ['3598', 40, ''],
  ['1867', 30, 'northern Canada, high terminating fees'],
  ['1900', 70, 'premium rate'],
  ['61145', 60, 'Australian range for satellite and special services'],
  ['6114', 60, 'Australian satellite mobile'],
  ['6721', 80, 'Antarctic territories'],
  // eastern Europe
  ['3712', 75, 'Latvian mobile ranges are among those most used for revenue share'],
  ['3717', 75, 'Latvian service ranges are used for revenue share'],
  ['37178', 80, 'Latvian special range used for revenue share'],
  ['3719', 85, 'Latvian premium range'],
  ['3706', 70, `Lithuanian ${EASTERN_MOBILE}`],
  ['3709', 85, 'Lithuanian premium range'],
  ['37270', 75, 'Estonian personal numbers, used for revenue share'],
  ['3725', 65, `Estonian ${EASTERN_MOBILE}`],
  ['3728', 65, `Estonian ${EASTERN_MOBILE}`],
  ['3729', 85, 'Estonian premium range'],
  ['3876', 70, `Bosnian ${EASTERN_MOBILE}`],
  ['3879', 85, 'Bosnian premium range'],
  ['35566', 70, `Albanian ${EASTERN_MOBILE}`],
  ['35567', 70, `Albanian ${EASTERN_MOBILE}`],
  ['35568', 70, `Albanian ${EASTERN_MOBILE}`],
  ['35569', 70, `Albanian ${EASTERN_MOBILE}`],
  ['3834', 70, `Kosovar ${EASTERN_MOBILE}`],
  ['3816', 65, `Serbian ${EASTERN_MOBILE}`],
  ['3817', 70, 'Serbian special range, used for revenue share'],
  ['3819', 80, 'Serbian premium range'],
  ['3826', 65, `Montenegrin ${EASTERN_MOBILE}`],
  ['3736', 65, `Moldovan ${EASTERN_MOBILE}`],
  ['3737', 65, `Moldovan ${EASTERN_MOBILE}`],
  ['3739', 80, 'Moldovan premium range'],
  ['9944', 65, `Azerbaijani ${EASTERN_MOBILE}`],
  ['9945', 65, `Azerbaijani ${EASTERN_MOBILE}`],
  ['9947', 65, `Azerbaijani ${EASTERN_MOBILE}`],
  ['9929', 65, `Tajik ${EASTERN_MOBILE}`],
  ['9936', 65, `Turkmen ${EASTERN_MOBILE}`],
  ['37744', 65, 'Monaco range formerly lent to Kosovo, used for revenue share'],
  ['37745', 65, 'Monaco range formerly lent to Kosovo, used for revenue share'],
  ['3776', 60, 'Monaco mobile range, dear and used for revenue share'],
  ['3786', 62, 'San Marino mobile range, dear and used for revenue share'],
  ['3787', 80, 'San Marino premium range'],
  ['4236', 60, 'Liechtenstein mobile range, dear and used for revenue share'],
  ['4237', 60, 'Liechtenstein mobile range, dear and used for revenue share'],
  ['4239', 80, 'Liechtenstein premium range'],
  // Middle East, Africa and Asia
  ['97059', 75, 'Palestinian mobile ranges are often used for revenue share'],
  ['97056', 75, 'Palestinian mobile ranges are often used for revenue share'],
  ['97259', 65, 'range shared with Palestinian mobile networks, a favourite of PBX intruders'],
  ['97256', 60, 'range shared with Palestinian mobile networks, a favourite of PBX intruders'],
  ['2135', 62, 'Algerian mobile ranges are often used for revenue share'],
  ['2136', 62, 'Algerian mobile ranges are often used for revenue share'],
  ['2137', 62, 'Algerian mobile ranges are often used for revenue share'],
  ['9639', 65, 'Syrian mobile ranges are often used for revenue share'],
  ['9647', 62, 'Iraqi mobile ranges are often used for revenue share'],
  ['9677', 65, 'Yemeni mobile ranges are often used for revenue share'],
  ['937', 65, 'Afghan mobile ranges are often used for revenue share'],
  ['947', 60, 'Sri Lankan mobile ranges are often used for revenue share'],
  ['88018', 45, ''],
  ['53', 80, 'Cuba: one of the highest terminating fees in the world'],
  ['252', 80, 'Somalia: unregulated carriers with very high terminating fees'],
];

/**
 * Neighbours that telephone with each other every day, so that what the world holds against one of them says little next
 * door: the Baltic, the western Balkans, the Maghreb, West Africa's and East Africa's communities, the Caribbean, the
 * Caucasus, Central America, the South Pacific.
 */
export const NEIGHBOURS: readonly string[] = [
  'EE LV LT FI',
  'LT PL BY',
  'RS BA ME MK XK AL HR SI',
  'MD RO UA',
  'MA DZ TN LY',
  'SN ML BF NE BJ TG CI GM GN GW SL LR MR GH NG',
  'CM GA CG TD CF GQ',
  'KE UG RW BI TZ SS ET DJ SO',
  'ZA ZW ZM MW MZ SZ LS BW NA',
  'AG AI BB BM BS DM DO GD JM KN KY LC MS SX TC TT VC VG GY SR HT AW CW BQ PR VI',
  'GT HN SV NI BZ CR PA MX',
  'CO EC PE VE',
  'AM GE AZ TR',
  'KZ KG UZ TJ TM RU',
  'IN LK NP BT MV BD PK',
  'TH LA KH MM VN',
  'SY LB IQ JO PS',
  'PG SB VU NR TV TK KI WS CK NU WF NC FM MH PW TO PF FJ AS NF AU NZ',
  'GB GG JE IM',
  'FR GP MQ GF BL MF PM RE YT MC AD',
  'CH LI AT',
  'IT SM VA',
];
